-- Version 2: which version of its framework a workload ran with; no part of workload_key, null: not known.

alter table performance_predictions add column framework_version varchar;
alter table performance_measurements add column framework_version varchar;
alter table hardware_model_mappings add column framework_version varchar;
alter table recommendation_history add column framework_version varchar;
