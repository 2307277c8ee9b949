import json
from dataclasses import replace

import numpy as np
import pytest

from perfpredict.domain.operations import OpClass
from perfpredict.domain.precision import Precision
from perfpredict.domain.prediction import Basis
from perfpredict.errors import CannotAnswerError, StoreUnusableError, TooFewRowsError
from perfpredict.features import FEATURES, feature_frame
from perfpredict.models.conformal import LogFactors
from perfpredict.models.experience import Experience
from perfpredict.models.learners import Algorithm
from perfpredict.models.memory import memory_use
from perfpredict.models.new_device import NewDevice
from perfpredict.models.observations import (
    Target,
    balanced_folds,
    balanced_weights,
    describe,
    fold_numbers,
)
from perfpredict.models.residual import ResidualPredictor
from perfpredict.models.residual_fit import (
    fit_corrector,
    fit_residual,
    own_importance,
    permutation_importance,
)
from perfpredict.models.roofline import RooflinePredictor

from .synthetic import MODELS, make_cases, observe

OF_OP_CLASSES = [f"time_share_{op_class}" for op_class in OpClass]
ALGORITHMS = [Algorithm.LIGHTGBM, Algorithm.RIDGE, Algorithm.AUTO]


@pytest.fixture(scope="module")
def cases():
    return make_cases()


@pytest.fixture(scope="module")
def trained(cases):
    return fit_residual([observe(cases)], seed=3)


def restored(blob):
    return ResidualPredictor.from_bytes(blob, priors=[RooflinePredictor()])


def test_features_have_fixed_names_and_are_finite(cases):
    frame = feature_frame(describe(cases, RooflinePredictor().constants).matrix)

    assert tuple(frame.columns) == FEATURES
    others = frame.drop("framework_released")
    assert np.isfinite(others.to_numpy()).all()
    assert frame["framework_released"].is_nan().all()
    total = frame.select(OF_OP_CLASSES).to_numpy().sum(axis=1) + frame["launch_share"].to_numpy()
    assert total == pytest.approx(1.0)


def test_no_feature_carries_the_name_of_the_model(cases):
    frame = feature_frame(describe(cases, RooflinePredictor().constants).matrix)

    assert all(dtype.is_float() for dtype in frame.dtypes)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_known_factor_is_recovered_for_models_that_were_left_out(cases, algorithm):
    known = [case for case in cases if case.workload.model not in MODELS[:3]]
    unseen = [case for case in cases if case.workload.model in MODELS[:3]]

    predictor = fit_residual([observe(known, factor=1.7)], algorithm=algorithm)
    estimates = predictor.predict(unseen, 0.9)

    truth = observe(unseen, factor=1.7, noise=0.0).measured
    ratios = np.array([e.latency_ms.value for e in estimates]) / truth
    assert np.exp(np.abs(np.log(ratios)).mean()) < 1.06
    assert {estimate.basis for estimate in estimates} == {Basis.LEARNED}


def test_intervals_cover_models_that_were_left_out(cases):
    covered, count = 0, 0
    for fold in range(4):
        is_out = [MODELS.index(case.workload.model) % 4 == fold for case in cases]
        rows = observe(cases, noise=0.1, seed=fold)
        predictor = fit_residual([rows.where(~np.array(is_out))], algorithm=Algorithm.RIDGE)
        held_out = rows.where(np.array(is_out))
        for estimate, measured in zip(
            predictor.predict(held_out.cases, 0.9), held_out.measured, strict=True
        ):
            covered += measured in estimate.latency_ms.interval
            count += 1

    assert covered / count > 0.85


def test_saved_and_loaded_it_predicts_the_same_bits(trained, cases):
    blob = trained.to_bytes()

    again = restored(blob)

    assert again.predict(cases, 0.9) == trained.predict(cases, 0.9)
    assert again.to_bytes() == blob
    assert again.version == trained.version


def test_equal_rows_train_equal_predictors(trained, cases):
    assert fit_residual([observe(cases)], seed=3).to_bytes() == trained.to_bytes()


def test_intervals_are_nested_and_hold_the_value(trained, cases):
    narrow, wide = (trained.predict(cases, level) for level in (0.5, 0.95))

    for inner, outer in zip(narrow, wide, strict=True):
        a, b = inner.latency_ms, outer.latency_ms
        assert 0 < b.interval.lower <= a.interval.lower <= a.value
        assert a.value <= a.interval.upper <= b.interval.upper


def test_an_unseen_device_is_said_and_gets_a_wider_interval(trained):
    seen, unseen = (
        trained.predict(make_cases(MODELS[:1], (device,), (4,)), 0.9)[0]
        for device in ("nvidia-rtx-4090", "nvidia-l4")
    )

    assert unseen.is_extrapolated
    assert any("no row of nvidia-l4" in caution for caution in unseen.cautions)
    assert unseen.latency_ms.interval.ratio > seen.latency_ms.interval.ratio
    assert not seen.is_extrapolated


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"framework": "tensorrt"}, "no row of nvidia-rtx-4090 under tensorrt was in training"),
        ({"precision": Precision.BF16}, "no row of pytorch in bf16 on a gpu was in training"),
    ],
)
def test_a_known_device_under_another_framework_or_precision_is_not_known(trained, changes, said):
    (case,) = make_cases(MODELS[:1], ("nvidia-rtx-4090",), (4,))
    strange = replace(case, workload=replace(case.workload, **changes))

    before, after = (trained.predict([one], 0.9)[0] for one in (case, strange))

    assert said in after.cautions
    assert after.latency_ms.interval.ratio > 1.5 * before.latency_ms.interval.ratio


def test_formats_of_sixteen_bits_say_something_of_each_other():
    cases = make_cases()
    half, eight = (
        [replace(c, workload=replace(c.workload, precision=precision)) for c in cases[:1]]
        for precision in (Precision.BF16, Precision.FP8)
    )
    known = [replace(c, workload=replace(c.workload, precision=Precision.FP16)) for c in cases]
    trained = fit_residual([observe(known)], seed=3)

    of_half, of_eight = (trained.predict(own, 0.9)[0].latency_ms for own in (half, eight))

    assert of_half.interval.ratio < 0.7 * of_eight.interval.ratio


def test_devices_that_lie_apart_under_one_framework_do_not_widen_another():
    devices = ("nvidia-rtx-4090", "nvidia-l4", "nvidia-rtx-3090", "nvidia-t4")
    calm = make_cases(devices=devices)
    wild = [replace(c, workload=replace(c.workload, framework="tensorrt")) for c in calm]
    levels = np.repeat([0.0, 1.4, -1.4, 0.7], len(wild) // len(devices))
    left_out = NewDevice.of(np.concatenate([np.zeros(len(calm)), levels]), (*calm, *wild))
    known = LogFactors(lower=-0.1, upper=0.1)

    narrow, wide, known_device = (
        left_out.widened(known, case, rows, 0.9).upper
        for case, rows in ((calm[0], 0), (wild[0], 0), (wild[0], 10_000))
    )

    # three expected devices at 0.25 and four at 0 have a spread of 0.16
    assert narrow == pytest.approx(np.hypot(0.1, 1.645 * 0.25 * (3 / 7) ** 0.5), rel=0.01)
    assert wide > 4 * narrow
    assert known_device < 0.11


def test_a_batch_size_outside_of_training_is_a_caution_and_less_sure(trained):
    estimate, near = trained.predict(make_cases(MODELS[:1], batch_sizes=(512, 16)), 0.9)

    assert estimate.latency_ms.interval.ratio > 1.05 * near.latency_ms.interval.ratio
    assert "batch_size 512 is outside the 1 to 16 seen in training" in estimate.cautions


def test_memory_is_corrected_where_it_was_measured(cases):
    uses = [memory_use(case) for case in cases]
    measured = np.array([use.total + 1.5 * use.activations for use in uses])
    memory = replace(observe(cases, target=Target.MEMORY), measured=measured)
    largest = cases[4]

    predictor = fit_residual([observe(cases), memory], algorithm=Algorithm.RIDGE)

    estimate = predictor.predict([largest], 0.9)[0]
    assert estimate.memory_bytes.value == pytest.approx(measured[4], rel=0.05)
    assert RooflinePredictor().predict([largest], 0.9)[0].memory_bytes.value < 0.9 * measured[4]


def test_an_untrained_predictor_cannot_be_made():
    with pytest.raises(CannotAnswerError, match="untrained"):
        ResidualPredictor(prior=RooflinePredictor(), corrector=None)


def test_one_group_alone_cannot_be_learned_from(cases):
    rows = observe([case for case in cases if case.workload.model == MODELS[0]])

    with pytest.raises(TooFewRowsError, match="one group"):
        fit_corrector(rows, RooflinePredictor(), algorithm=Algorithm.RIDGE, seed=0)


def test_nothing_asked_is_nothing_answered(trained):
    assert trained.predict([], 0.9) == []


@pytest.mark.parametrize(
    "blob", [b"", b"{}", b"\xff\xfe", b'{"format": "perfpredict residual 9"}', b"[1"]
)
def test_damaged_bytes_are_refused(blob):
    with pytest.raises(StoreUnusableError):
        restored(blob)


def test_changed_trees_never_reach_the_tree_library(cases):
    predictor = fit_residual([observe(cases)], algorithm=Algorithm.LIGHTGBM)
    content = json.loads(predictor.to_bytes())
    learner = content["corrector"]["learner"]
    learner["text"] = learner["text"].replace("leaf_value=", "leaf_value=9", 1)

    with pytest.raises(StoreUnusableError, match="sha256"):
        restored(json.dumps(content).encode())


def test_other_features_than_todays_are_refused(trained):
    content = json.loads(trained.to_bytes())
    content["features"] = content["features"][:-1]

    with pytest.raises(CannotAnswerError, match="other features"):
        restored(json.dumps(content).encode())


@pytest.mark.parametrize("key", ["calibration", "learner", "new_device", "experience"])
def test_a_missing_part_is_damage(trained, key):
    content = json.loads(trained.to_bytes())
    del content["corrector"][key]

    with pytest.raises(StoreUnusableError, match="damaged"):
        restored(json.dumps(content).encode())


@pytest.mark.parametrize("key", ["by_device", "by_run", "batch_sizes", "architectures"])
def test_a_missing_part_of_the_experience_is_damage(trained, key):
    content = json.loads(trained.to_bytes())
    del content["corrector"]["experience"][key]

    with pytest.raises(StoreUnusableError, match="damaged"):
        restored(json.dumps(content).encode())


def test_importance_shares_add_up_to_one(trained, cases):
    rows = observe(cases, seed=9)

    for ranked in (
        own_importance(trained),
        permutation_importance(trained.corrector, rows, RooflinePredictor(), seed=0),
    ):
        assert sum(one.share for one in ranked) == pytest.approx(1.0)
        assert [one.importance for one in ranked] == sorted(
            (one.importance for one in ranked), reverse=True
        )


def test_a_model_measured_often_does_not_outvote_the_others():
    weights = balanced_weights(["a"] * 90 + ["b"] * 10, ["d"] * 100)

    assert weights.mean() == pytest.approx(1.0)
    assert weights[0] / weights[-1] == pytest.approx(3**-0.5)


def test_folds_keep_groups_whole_and_depend_on_the_seed_alone():
    groups = [f"model-{index % 7}" for index in range(70)]

    folds = fold_numbers(groups, seed=1)

    assert (folds == fold_numbers(groups, seed=1)).all()
    for group in set(groups):
        assert len({fold for fold, own in zip(folds, groups, strict=True) if own == group}) == 1


def test_the_largest_devices_are_left_out_in_different_folds():
    devices = ["a"] * 60 + ["b"] * 50 + ["c"] * 9 + ["d"] * 8 + ["e"] * 7

    folds = balanced_folds(devices, 3)

    first = dict(zip(devices, folds.tolist(), strict=True))
    assert len({first["a"], first["b"], first["c"]}) == 3
    assert first["d"] == first["e"] == first["c"]


def test_a_version_that_is_not_given_is_taken_as_the_newest_that_was_learned(cases):
    versions = ("1.13", "2.4")
    known = [
        replace(case, workload=replace(case.workload, framework_version=versions[place % 2]))
        for place, case in enumerate(cases)
    ]
    predictor = fit_residual([observe(known)], algorithm=Algorithm.LIGHTGBM)

    bare, newest = (
        predictor.latencies_ms([replace(c, workload=replace(c.workload, framework_version=v))])
        for c, v in ((cases[0], None), (cases[0], "2.4"))
    )

    assert bare == newest


def test_one_cpu_speaks_little_for_another_while_one_gpu_speaks_for_gpus():
    cpus, gpus = (make_cases(devices=(name,)) for name in ("intel-i9-10940x", "nvidia-rtx-4090"))
    of_cpu, of_gpu = (
        fit_residual([observe(own, factor=2.0)], algorithm=Algorithm.RIDGE) for own in (cpus, gpus)
    )

    def moved(predictor, device):
        case = make_cases(MODELS[:1], (device,), (4,))[:1]
        ratio = predictor.latencies_ms(case) / RooflinePredictor().latencies_ms(case)
        return float(np.log(ratio[0]) / np.log(2.0))

    assert moved(of_cpu, "intel-i9-10940x") > 0.85
    assert moved(of_cpu, "amd-epyc-7763") < 0.3
    assert moved(of_gpu, "nvidia-l4") > 0.85


def test_what_was_learned_of_text_is_not_meant_for_images(trained):
    text = make_cases(MODELS[:1], batch_sizes=(4,))
    images = make_cases(("resnet50",), batch_sizes=(4,), sequence_length=None)
    prior = RooflinePredictor()

    moved = trained.latencies_ms(text) / prior.latencies_ms(text)

    assert moved[0] == pytest.approx(1.7, rel=0.15)
    assert trained.latencies_ms(images) == pytest.approx(prior.latencies_ms(images))
    assert [trained.predict(own, 0.9)[0].basis for own in (text, images)] == [
        Basis.LEARNED,
        Basis.ROOFLINE,
    ]
    both = trained.latencies_ms((*text, *images))
    assert both == pytest.approx([*trained.latencies_ms(text), *trained.latencies_ms(images)])


def test_a_family_counts_for_more_the_more_of_its_rows_were_learned(cases):
    image_cases = make_cases(("resnet50",), batch_sizes=(1, 2, 4, 8), sequence_length=None)
    few, many = (Experience.of([*cases * 40, *image_cases * times]) for times in (1, 100))

    shares = [one.family_trust(image_cases[0]) for one in (few, many)]

    assert shares == pytest.approx([4**2 / (4**2 + 30**2), 400**2 / (400**2 + 30**2)])
    assert few.family_trust(cases[0]) > 0.9


def test_a_family_known_under_one_framework_alone_is_less_sure_under_another():
    text = make_cases()
    images = make_cases(("resnet18", "resnet50", "vgg16"), sequence_length=None)
    served = [replace(c, workload=replace(c.workload, framework="tensorrt")) for c in images]
    learned = fit_residual([observe([*text, *served])], seed=3)

    under_pytorch, under_tensorrt = (
        learned.predict([own], 0.9)[0] for own in (images[0], served[0])
    )

    assert "no vision model under pytorch was in training" in under_pytorch.cautions
    assert not any("vision" in said for said in under_tensorrt.cautions)
    ratios = [one.latency_ms.interval.ratio for one in (under_pytorch, under_tensorrt)]
    assert ratios[0] > 1.15 * ratios[1]


def test_an_architecture_that_was_not_learned_gets_a_wider_interval():
    names = ("resnet18", "resnet50", "vgg16", "densenet121", "mobilenetv3_large_100",
             "efficientnet_b0", "convnext_tiny", "vit_small_patch16_224", "deit_tiny_patch16_224",
             "swin_tiny_patch4_window7_224", "regnety_008", "xcit_nano_12_p16_224",
             "mixer_b16_224", "dla34", "hrnet_w18")  # fmt: skip
    cases = make_cases(names, sequence_length=None)
    learned_from = [case for case in cases if case.workload.model != "vgg16"]
    (new, *_) = [case for case in cases if case.workload.model == "vgg16"]
    learned = fit_residual([observe(learned_from, noise=0.1)], algorithm=Algorithm.RIDGE)

    known, unseen = learned.predict([cases[0], new], 0.9)

    assert any("architecture" in caution for caution in unseen.cautions)
    assert not any("architecture" in caution for caution in known.cautions)
    assert unseen.latency_ms.interval.ratio >= known.latency_ms.interval.ratio


def test_a_kind_of_device_that_was_not_learned_is_left_to_the_prior(trained):
    cpu = make_cases(MODELS[:1], ("intel-i9-10940x",), (4,))

    own, prior = (one.predict(cpu, 0.9)[0] for one in (trained, RooflinePredictor()))

    assert own.latency_ms.value == prior.latency_ms.value
    assert own.latency_ms.interval.lower <= prior.latency_ms.interval.lower
    assert own.latency_ms.interval.upper >= prior.latency_ms.interval.upper
    # ten in a hundred CPUs lie further off than 1.645 times the spread of CPUs
    assert own.latency_ms.interval.ratio > np.exp(2 * 1.645 * 0.4)
    assert own.basis is Basis.ROOFLINE
    assert any("kind cpu" in caution for caution in own.cautions)


def test_a_stored_predictor_without_its_prior_is_refused(trained):
    with pytest.raises(CannotAnswerError, match="does not ship"):
        ResidualPredictor.from_bytes(trained.to_bytes(), priors=[])
