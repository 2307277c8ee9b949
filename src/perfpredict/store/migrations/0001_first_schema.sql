-- Version 1: everything a prediction is made of, compared with and answered by.
--
-- Conventions of every table: text keys that sort by time; times are UTC; *_ms milliseconds, *_bytes bytes,
-- *_per_s per second; a number is finite and above 0 (memory: at least 0), which `check` alone would not
-- ensure, since NaN > 0 holds here; text columns that end in _json hold JSON; no index beyond primary keys.

create table performance_predictions (
    prediction_id            varchar     primary key,
    created_at               timestamptz not null,
    workload_key             varchar     not null check (length(workload_key) = 32),  -- hash of all below but the family
    model_name               varchar     not null check (trim(model_name) <> ''),
    model_family             varchar,
    batch_size               integer     not null check (batch_size between 1 and 1000000),
    sequence_length          integer     check (sequence_length > 0),
    image_size               integer     check (image_size > 0),                      -- height and width in pixels
    input_tokens             integer     check (input_tokens > 0),
    output_tokens            integer     check (output_tokens > 0),
    precision                varchar     not null,
    quantization             varchar,
    mode                     varchar     not null check (mode in ('inference', 'training')),
    phase                    varchar     check (phase in ('prefill', 'decode', 'generate')),
    framework                varchar,
    is_compiled              boolean     not null,
    memory_format            varchar,
    device_count             integer     not null check (device_count > 0),
    concurrency              integer     not null check (concurrency > 0),
    hardware_platform        varchar     not null,                                    -- as the user gave it, e.g. 'cuda'
    device                   varchar     not null check (trim(device) <> ''),         -- the device it stood for
    device_platform          varchar,                                                 -- platform that the device is reached through
    resolved_how             varchar     not null,                                    -- which rule resolved the device
    throughput_unit          varchar     not null check (throughput_unit in ('samples/s', 'tokens/s')),
    throughput_per_s         double      check (isfinite(throughput_per_s) and throughput_per_s > 0),
    throughput_lower_per_s   double      check (isfinite(throughput_lower_per_s) and throughput_lower_per_s > 0),
    throughput_upper_per_s   double      check (isfinite(throughput_upper_per_s) and throughput_upper_per_s > 0),
    latency_ms               double      check (isfinite(latency_ms) and latency_ms > 0),
    latency_lower_ms         double      check (isfinite(latency_lower_ms) and latency_lower_ms > 0),
    latency_upper_ms         double      check (isfinite(latency_upper_ms) and latency_upper_ms > 0),
    memory_bytes             double      not null check (isfinite(memory_bytes) and memory_bytes >= 0),
    memory_lower_bytes       double      not null check (isfinite(memory_lower_bytes) and memory_lower_bytes >= 0),
    memory_upper_bytes       double      not null check (isfinite(memory_upper_bytes) and memory_upper_bytes >= 0),
    memory_capacity_bytes    double      not null check (isfinite(memory_capacity_bytes) and memory_capacity_bytes > 0),
    level                    double      not null check (isfinite(level) and level > 0 and level < 1),  -- nominal coverage of the bounds
    fits                     boolean     not null,                                    -- false: no throughput, no latency
    basis                    varchar     not null check (basis in ('measured', 'learned', 'roofline')),
    predictor                varchar     not null,                                    -- 'roofline' or a model_id
    predictor_version        varchar     not null,
    similar_rows             integer     not null check (similar_rows >= 0),
    is_extrapolated          boolean     not null,
    cautions_json            varchar     not null,
    assumptions_json         varchar     not null,
    time_shares_json         varchar     not null,                                    -- [{op_class, share, bound}]
    launch_share             double      not null check (isfinite(launch_share) and launch_share >= 0 and launch_share <= 1),
    is_sample                boolean     not null,
    is_retrospective         boolean     not null,                                    -- made after what it is compared with
    user_name                varchar,
    check (fits = (latency_ms is not null)),
    check ((latency_ms is null) = (throughput_per_s is null)),
    check (latency_lower_ms <= latency_ms and latency_ms <= latency_upper_ms),
    check (throughput_lower_per_s <= throughput_per_s and throughput_per_s <= throughput_upper_per_s),
    check (memory_lower_bytes <= memory_bytes and memory_bytes <= memory_upper_bytes)
);
comment on table performance_predictions is
    'one row is one answer: one workload on one device by one predictor at one time';

create table performance_measurements (
    measurement_id           varchar     primary key,
    measured_at              timestamptz not null,                                    -- when it ran
    recorded_at              timestamptz not null,                                    -- when it entered this database
    workload_key             varchar     not null check (length(workload_key) = 32),  -- hash of all below but the family
    model_name               varchar     not null check (trim(model_name) <> ''),
    model_family             varchar,
    batch_size               integer     not null check (batch_size between 1 and 1000000),
    sequence_length          integer     check (sequence_length > 0),
    image_size               integer     check (image_size > 0),                      -- height and width in pixels
    input_tokens             integer     check (input_tokens > 0),
    output_tokens            integer     check (output_tokens > 0),
    precision                varchar     not null,
    quantization             varchar,
    mode                     varchar     not null check (mode in ('inference', 'training')),
    phase                    varchar     check (phase in ('prefill', 'decode', 'generate')),
    framework                varchar,
    is_compiled              boolean     not null,
    memory_format            varchar,
    device_count             integer     not null check (device_count > 0),
    concurrency              integer     not null check (concurrency > 0),
    hardware_platform        varchar     not null,                                    -- as the user gave it, e.g. 'cuda'
    device                   varchar     not null check (trim(device) <> ''),         -- the device it stood for
    device_platform          varchar,                                                 -- platform that the device is reached through
    throughput_unit          varchar     not null check (throughput_unit in ('samples/s', 'tokens/s')),
    throughput_per_s         double      check (isfinite(throughput_per_s) and throughput_per_s > 0),
    latency_ms               double      check (isfinite(latency_ms) and latency_ms > 0),  -- median over the runs
    latency_p90_ms           double      check (isfinite(latency_p90_ms) and latency_p90_ms > 0),
    latency_p99_ms           double      check (isfinite(latency_p99_ms) and latency_p99_ms > 0),
    memory_bytes             double      check (isfinite(memory_bytes) and memory_bytes >= 0),  -- peak
    consistency              double      check (isfinite(consistency) and consistency > 0),  -- throughput x latency / work per batch
    runs                     integer     check (runs > 0),
    warmup_runs              integer     check (warmup_runs >= 0),
    load                     varchar     not null check (load in ('closed', 'open')),
    source                   varchar     not null,
    note                     varchar     not null,
    environment              varchar     not null,                                    -- JSON, '' where unknown
    is_sample                boolean     not null,
    import_id                varchar,
    import_key               varchar,                                                 -- equal for a row that is imported again
    source_row               bigint      check (source_row >= 0),
    prediction_id            varchar,                                                 -- what it is compared with
    is_forced_link           boolean     not null,                                    -- linked although the workloads differ
    deleted_at               timestamptz,                                             -- set: counts nowhere
    check (throughput_per_s is not null or latency_ms is not null or memory_bytes is not null)
);
comment on table performance_measurements is
    'one row is one measured workload on one device: medians over its runs';

create table prediction_errors (
    error_id                 varchar     primary key,                                 -- measurement_id/metric/predictor
    measurement_id           varchar     not null,
    prediction_id            varchar     not null,
    recorded_at              timestamptz not null,
    metric                   varchar     not null check (metric in ('throughput', 'latency', 'memory')),
    unit                     varchar     not null,                                    -- samples/s, tokens/s, ms or MiB
    predicted                double      not null check (isfinite(predicted) and predicted >= 0),
    actual                   double      not null check (isfinite(actual) and actual >= 0),
    lower                    double      check (isfinite(lower) and lower >= 0),
    upper                    double      check (isfinite(upper) and upper >= 0),
    level                    double      check (isfinite(level) and level > 0 and level < 1),
    error                    double      not null check (isfinite(error)),            -- predicted - actual
    rel_error                double      check (isfinite(rel_error)),                 -- error / actual; null where actual is 0
    ln_ratio                 double      check (isfinite(ln_ratio)),                  -- ln(predicted / actual); null where either is 0
    inside_interval          boolean,                                                 -- null without an interval
    in_sample                boolean     not null,                                    -- the predictor was trained on the measurement
    is_retrospective         boolean     not null
);
comment on table prediction_errors is
    'one row is one metric of one measurement against the prediction it is linked to';

create table hardware_model_mappings (
    mapping_id               varchar     primary key,                                 -- workload_key/device
    updated_at               timestamptz not null,
    workload_key             varchar     not null check (length(workload_key) = 32),  -- hash of all below but the family
    model_name               varchar     not null check (trim(model_name) <> ''),
    model_family             varchar,
    batch_size               integer     not null check (batch_size between 1 and 1000000),
    sequence_length          integer     check (sequence_length > 0),
    image_size               integer     check (image_size > 0),                      -- height and width in pixels
    input_tokens             integer     check (input_tokens > 0),
    output_tokens            integer     check (output_tokens > 0),
    precision                varchar     not null,
    quantization             varchar,
    mode                     varchar     not null check (mode in ('inference', 'training')),
    phase                    varchar     check (phase in ('prefill', 'decode', 'generate')),
    framework                varchar,
    is_compiled              boolean     not null,
    memory_format            varchar,
    device_count             integer     not null check (device_count > 0),
    concurrency              integer     not null check (concurrency > 0),
    hardware_platform        varchar     not null,                                    -- as the user gave it, e.g. 'cuda'
    device                   varchar     not null check (trim(device) <> ''),         -- the device it stood for
    device_platform          varchar,                                                 -- platform that the device is reached through
    fits                     boolean     not null,
    compatibility_score      double      check (isfinite(compatibility_score) and compatibility_score >= 0 and compatibility_score <= 1),
    rank                     integer     check (rank > 0),                            -- null: not ranked
    is_primary               boolean     not null,
    reason                   varchar     not null,
    recommendation_id        varchar,
    is_sample                boolean     not null
);
comment on table hardware_model_mappings is
    'one row is how one workload last stood on one device';

create table prediction_models (
    model_id                 varchar     primary key,
    created_at               timestamptz not null,
    model_type               varchar     not null,                                    -- e.g. 'lightgbm', 'RandomForestRegressor'
    target_metric            varchar     not null check (target_metric in ('throughput', 'latency', 'memory', 'all')),
    hardware_platform        varchar,                                                 -- scope; null: any
    model_family             varchar,                                                 -- scope; null: any
    format                   varchar     not null,                                    -- how the blob is read, e.g. 'joblib'
    features_json            varchar     not null,                                    -- names in order
    training_score           double      check (isfinite(training_score)),            -- as the trainer says, usually R2
    validation_score         double      check (isfinite(validation_score)),
    test_score               double      check (isfinite(test_score)),
    geo_error_factor_test    double      check (isfinite(geo_error_factor_test) and geo_error_factor_test >= 1),
    coverage_test            double      check (isfinite(coverage_test) and coverage_test >= 0 and coverage_test <= 1),
    training_rows            integer     check (training_rows >= 0),
    training_configs         integer     check (training_configs >= 0),
    training_cut_off         timestamptz,                                             -- newest measurement it was trained on
    metadata_json            varchar     not null,                                    -- library versions, settings, calibration
    blob                     blob        not null,                                    -- never read by a list
    size_bytes               bigint      not null check (size_bytes > 0),
    sha256                   varchar     not null check (length(sha256) = 64),
    signature                varchar,                                                 -- HMAC of the blob by a user's key
    is_active                boolean     not null,
    is_stale                 boolean     not null,                                    -- a measurement it learned from was deleted
    is_sample                boolean     not null,
    user_name                varchar,
    note                     varchar     not null
);
comment on table prediction_models is
    'one row is one stored predictor for one metric and scope';

create table prediction_model_rows (
    model_id                 varchar     not null,
    measurement_id           varchar     not null
);
comment on table prediction_model_rows is
    'one row is one measurement that one stored predictor was trained on';

create table feature_importance (
    importance_id            varchar     primary key,                                 -- model_id/feature_name
    model_id                 varchar     not null,
    feature_name             varchar     not null,
    rank                     integer     not null check (rank > 0),
    importance_score         double      not null check (isfinite(importance_score)), -- as the method gives it
    share                    double      not null check (isfinite(share) and share >= 0 and share <= 1),  -- adds up to 1
    method                   varchar     not null                                     -- e.g. 'gain', 'permutation'
);
comment on table feature_importance is
    'one row is how much one feature matters to one stored predictor';

create table recommendation_history (
    recommendation_id        varchar     primary key,
    created_at               timestamptz not null,
    user_name                varchar,
    workload_key             varchar     not null check (length(workload_key) = 32),  -- hash of all below but the family
    model_name               varchar     not null check (trim(model_name) <> ''),
    model_family             varchar,
    batch_size               integer     not null check (batch_size between 1 and 1000000),
    sequence_length          integer     check (sequence_length > 0),
    image_size               integer     check (image_size > 0),                      -- height and width in pixels
    input_tokens             integer     check (input_tokens > 0),
    output_tokens            integer     check (output_tokens > 0),
    precision                varchar     not null,
    quantization             varchar,
    mode                     varchar     not null check (mode in ('inference', 'training')),
    phase                    varchar     check (phase in ('prefill', 'decode', 'generate')),
    framework                varchar,
    is_compiled              boolean     not null,
    memory_format            varchar,
    device_count             integer     not null check (device_count > 0),
    concurrency              integer     not null check (concurrency > 0),
    objective                varchar     not null,
    max_latency_ms           double      check (isfinite(max_latency_ms) and max_latency_ms > 0),
    min_throughput_per_s     double      check (isfinite(min_throughput_per_s) and min_throughput_per_s > 0),
    max_memory_bytes         double      check (isfinite(max_memory_bytes) and max_memory_bytes > 0),
    max_price_per_hour       double      check (isfinite(max_price_per_hour) and max_price_per_hour > 0),
    confidence               double      not null check (isfinite(confidence) and confidence > 0 and confidence < 1),
    primary_hardware         varchar,                                                 -- as the user gave it; null: none meets the limits
    primary_device           varchar,
    primary_platform         varchar,                                                 -- platform of the primary device
    fallback_devices_json    varchar     not null,
    candidates_json          varchar     not null,                                    -- best first
    excluded_json            varchar     not null,                                    -- [{hardware, reason}]
    explanation              varchar     not null,
    assumptions_json         varchar     not null,
    cautions_json            varchar     not null,
    is_sample                boolean     not null
);
comment on table recommendation_history is
    'one row is one ranking of devices for one workload under one set of limits';

create table feedback_events (
    feedback_id              varchar     primary key,
    recommendation_id        varchar     not null,
    recorded_at              timestamptz not null,
    user_name                varchar,
    is_accepted              boolean     not null,
    comment                  varchar     not null,
    chosen                   varchar                                                  -- device that was taken instead
);
comment on table feedback_events is
    'one row is one answer to a recommendation; the last one counts, the others are history';

create table user_devices (
    device                   varchar     primary key,
    updated_at               timestamptz not null,
    toml                     varchar     not null
);
comment on table user_devices is
    'one row is one device that the user added or probed, as the text of its device file';

create table platform_aliases (
    platform                 varchar     primary key,
    updated_at               timestamptz not null,
    device                   varchar     not null
);
comment on table platform_aliases is
    'one row is the device that a platform name stands for in this database';

create table device_prices (
    device                   varchar     primary key,
    updated_at               timestamptz not null,
    amount_per_hour          double      not null check (isfinite(amount_per_hour) and amount_per_hour > 0),
    currency                 varchar     not null check (length(currency) = 3),
    valid_on                 varchar     not null,                                    -- ISO date
    source                   varchar     not null
);
comment on table device_prices is
    'one row is what one device costs per hour';

create table imports (
    import_id                varchar     primary key,
    recorded_at              timestamptz not null,
    user_name                varchar,
    source                   varchar     not null,
    files_json               varchar     not null,                                    -- [{name, sha256}]
    rows_read                bigint      not null check (rows_read >= 0),
    rows_imported            bigint      not null check (rows_imported >= 0),
    rows_duplicate           bigint      not null check (rows_duplicate >= 0),
    rows_rejected            bigint      not null check (rows_rejected >= 0),
    rows_linked              bigint      not null check (rows_linked >= 0)
);
comment on table imports is
    'one row is one run of an import';
