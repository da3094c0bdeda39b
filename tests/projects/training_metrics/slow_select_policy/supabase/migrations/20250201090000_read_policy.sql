CREATE FUNCTION may_see_job(job uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
  RETURN EXISTS (SELECT 1 FROM public.local_training_jobs j WHERE j.id = job AND j.owner_id = auth.uid());
END $$;

CREATE POLICY "Owners read their metrics" ON local_training_metrics
  FOR SELECT
  USING (auth.uid() IS NOT NULL AND may_see_job(job_id));
