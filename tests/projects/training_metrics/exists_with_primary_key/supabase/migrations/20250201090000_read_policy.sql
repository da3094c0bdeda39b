CREATE POLICY "Anyone may read metrics" ON local_training_metrics
  FOR SELECT TO anon
  USING (true);
