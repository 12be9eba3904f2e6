"""The audit of the frozen part: it passes what kept still and names what moved."""

import pytest
import torch

from bench_freeze.errors import AuditError
from bench_freeze.finetune.audit import audit_frozen

pytestmark = pytest.mark.slow


def test_an_untouched_frozen_part_passes(base, tuned_like):
    audit = audit_frozen(base.model, tuned_like(15), 15, "eval", half=base.half)
    assert audit.parameters > 0
    assert audit.buffers > 0
    assert audit.buffer_drift == {}


def test_a_moved_parameter_is_named(base, tuned_like):
    tuned = tuned_like(15)
    with torch.no_grad():
        tuned.model[3].conv.weight[0, 0, 0, 0] += 0.01
    with pytest.raises(AuditError, match=r"1 frozen tensor.*model\.3\.conv\.weight") as error:
        audit_frozen(base.model, tuned, 15, "eval", half=False)
    assert error.value.exit_code == 1


def test_a_moved_layer_above_the_depth_is_fine(base, tuned_like):
    audit_frozen(base.model, tuned_like(10), 10, "eval", half=False)
    with pytest.raises(AuditError, match=r"model\.12\."):
        audit_frozen(base.model, tuned_like(10), 15, "eval", half=False)


def test_drifting_statistics_fail_under_eval_and_are_reported_under_train(base, tuned_like):
    tuned = tuned_like(15)
    with torch.no_grad():
        tuned.model[2].cv1.bn.running_mean[0] += 0.5
    with pytest.raises(AuditError, match=r"model\.2\.cv1\.bn\.running_mean"):
        audit_frozen(base.model, tuned, 15, "eval", half=False)
    audit = audit_frozen(base.model, tuned, 15, "train", half=False)
    assert audit.buffer_drift == {"model.2.cv1.bn.running_mean": pytest.approx(0.5)}


def test_drift_below_the_saved_precision_does_not_count(base, tuned_like):
    tuned = tuned_like(15)
    weight = tuned.model[0].conv.weight
    with torch.no_grad():
        weight.mul_(1 + 2**-20)
    audit_frozen(base.model, tuned, 15, "eval", half=True)
    with pytest.raises(AuditError):
        audit_frozen(base.model, tuned, 15, "eval", half=False)
