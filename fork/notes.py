"""What is said about each step besides its own reason: what the articles do otherwise, and when it would not be needed.

A step declares its title, reason, files and places itself; these texts are for readers of an exported patch, of
``python -m fork explain`` and of docs/procedure.md.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Set

from fork.edit import Step


class Note(NamedTuple):
    """Texts about one step.

    Attributes:
        unless: What a release would have to do for the step not to be needed, as an answer to "not needed when".
        differs: For a step of the articles: how ours differs from theirs, and why.
        more: A fact beyond the step's reason.
    """

    unless: str
    differs: str = ""
    more: str = ""


NOTES: Dict[str, Note] = {
    "s01_create_folder": Note(
        "git has brought the folder, which is always: the step only checks that it is there.",
        "The folder is the only part of `ultralytics/` that is committed.",
    ),
    "s02_export_backbones": Note(
        "git has brought the file, which is always: the step only checks that it is there.",
        "No import line for a new file; one that does not import is named when a YAML asks for it.",
    ),
    "s03_import_backbones": Note(
        "parse_model itself finds modules outside tasks.py.",
        "The place of the import is fixed, since the order decides whose names win.",
    ),
    "s04_name_row": Note(
        "parse_model itself takes a row that gives several maps; then s05 and s06 are not needed either.", "None."
    ),
    "s05_build_backbone_row": Note(
        "parse_model itself builds a row that gives several maps.",
        "There is no list of classes to keep, and the number of input channels is passed on.",
    ),
    "s06_shift_indices": Note(
        "parse_model itself counts each map of a row.",
        "Single statements in place of a whole tail; the printed table shows the indices as a YAML must use them.",
    ),
    "s07_spread_maps": Note(
        "upstream's loops over layers themselves keep several maps of a row. A loop that a release does not have is "
        "not asked for, but for the base model's.",
        "One statement of a loop, not two whole loops. The articles' `insert(0, …)` is right for 4 and 5 maps only.",
    ),
    "s08_probe_stride": Note(
        "strides are known without a pass, or the pass takes its size from the model.",
        "Only behind a backbone: stock models keep 256 and build as fast as before.",
    ),
    "s09_count_flops": Note(
        "get_flops does not look at the first parameter for the input's channels, or counts again at the full size "
        "where that fails.",
        "The articles change the size of the probe; here the input's channels are taken from the YAML.",
    ),
    "s10_square_validation": Note(
        "validation during training does not use rectangular batches.",
        "The articles set `rect=False` outright; here it depends on the backbone.",
    ),
    "x11_look_up_modules": Note("parse_model names an unknown module, what comes near, and runs nothing of a YAML."),
    "x12_find_configs": Note("upstream searches folders that a user can name."),
    "x13_save_whole": Note("upstream writes checkpoints to a neighbour and renames it."),
    "x14_keep_norm_settings": Note(
        "initialize_weights leaves BatchNorms with pretrained weights alone.",
        more="Without weights a backbone trains with upstream's settings, as the rest of the model.",
    ),
    "x15_fold_backbone": Note(
        "fuse() folds whatever it can, and is_fused() looks at what is left.",
        more="`Addmodules/fold.py` runs the model once and sees which BatchNorm reads from which convolution.",
    ),
    "x16_follow_checkpoint": Note("upstream tells the builder of a model which weights will follow."),
    "x17_read_text": Note("parse_model keeps as text what is no literal, and data YAMLs are read in their encoding."),
    "x18_drop_anchors": Note("upstream's Detect takes anchors, or says what to do about them."),
    "x19_derive_models": Note("upstream itself makes models from a head and the name of a backbone."),
    "x20_inherit_settings": Note("upstream's load() takes over settings that belong to weights."),
    "x21_trust_backbones": Note("the release has no restricted mode, or its list can be added to from outside."),
    "x22_record_fork": Note("upstream records what package, and not only what version, made a file."),
    "x23_explain_checkpoint": Note(
        "upstream says which class of a checkpoint is missing, and who made the file.",
        more="The stock package's own error names the fork as well, since the record is in the file.",
    ),
    "x24_same_fork": Note("upstream hands a process that it starts the path of its own package."),
    "x25_report_nothing": Note(
        "upstream reports only where it was asked to, and advises updates to its own packages only.",
        more="`python -m fork status` says how the fork is updated.",
    ),
    "x26_ask_before_installing": Note("upstream installs packages only where it was asked to."),
    "x27_reach_first": Note("upstream gives up on a server that cannot be reached within seconds."),
    "x28_match_rows": Note(
        "upstream's load() goes by rows and not by positions.",
        more="By position, rtdetr-l gives a model with a backbone 12 tensors, all in the wrong rows.",
    ),
    "x29_freeze_rows": Note("upstream's freeze goes by the index that a row has in the YAML."),
    "x30_embed_rows": Note("upstream's embed goes by the index that a row has in the YAML."),
    "x31_distill_rows": Note("upstream's distillation looks rows up by index, or the release has none."),
    "x32_explain_flops": Note("get_flops says why it counted nothing."),
    "x33_name_nonfinite": Note("upstream says where a loss stopped being a number, or does not recover from that."),
    "x34_check_model": Note(
        "upstream checks a YAML before it builds.", more="The page When it goes wrong has what it says."
    ),
    "x35_route_heads": Note("upstream chooses the class by the head and not by the name of the file."),
    "x36_run_nothing_foreign": Note(
        "upstream unpickles nothing that comes with a data set, and follows `download` only where it was asked to.",
        more="The page Security says what is run from which file.",
    ),
    "c36_project_channels": Note("the class takes any expansion, as it does from 8.3.38 on."),
    "c37_integrate_curve": Note("upstream calls numpy's new name, as it does from 8.3.108 on."),
    "c38_open_checkpoints": Note("upstream gives weights_only=False itself, as it does from 8.2.64 on."),
    "c39_build_unscaled": Note("no row asks for the scale, as before 8.3.0, or it may be missing, as from 8.4.131 on."),
}

UNKNOWN = Note("upstream does by itself what the title says.")


def note(step: Step) -> Note:
    """Return the texts about a step; what the step itself declares goes first."""
    found = NOTES.get(step.name, UNKNOWN)
    return found._replace(unless=step.not_needed_when or found.unless)


def article(step: Step) -> str:
    """Return in words which section of the articles a step carries out."""
    return f"section {step.section} of the articles" if step.section != "-" else "not in the articles"


def names_of(step: Step) -> Set[str]:
    """Return what one may call a step: s07_spread_maps, s07, s7, 07, 7, 4.7."""
    short = step.name.split("_")[0]
    kind, number = short[0], short[1:].lstrip("0")
    return {step.name, short, f"{kind}{number}", short[1:], number, step.section}
