-- Training scripts report their progress here, as the role anon.
CREATE TABLE local_training_jobs (
  id uuid NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id uuid NOT NULL,
  status text NOT NULL DEFAULT 'running'
);

CREATE TABLE local_training_metrics (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job_id uuid NOT NULL,
  step integer NOT NULL,
  train_loss double precision,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_metrics_job_id ON local_training_metrics (job_id);
CREATE INDEX idx_metrics_job_step ON local_training_metrics (job_id, step DESC);

ALTER TABLE local_training_metrics ENABLE ROW LEVEL SECURITY;
ALTER TABLE local_training_jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY "Owners see their jobs" ON local_training_jobs
  FOR SELECT TO authenticated USING (owner_id = (SELECT auth.uid()));
CREATE INDEX idx_jobs_owner ON local_training_jobs (owner_id);
CREATE POLICY "Allow insert metrics with valid job token" ON local_training_metrics
  FOR INSERT TO anon
  WITH CHECK (EXISTS (SELECT 1 FROM local_training_jobs WHERE id = job_id));
