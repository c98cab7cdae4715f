"""What is said of families and vLLM: the column of docs/distill.md against its registry, and what is refused."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import families
import pytest
import tiny_model

from mgrd.engines import open_engine
from mgrd.errors import InputError

try:
    version("vllm")
except PackageNotFoundError:  # `import vllm` could find this folder
    pytest.skip("vLLM is not installed", allow_module_level=True)

DOCS = Path(__file__).parents[2] / "docs" / "distill.md"
ROW = re.compile(r"^\| [^|]+ \| `(\w+)` \| [^|]+ \| [^|]+ \| (yes|no) \|", re.MULTILINE)


def test_the_docs_say_of_each_family_what_vllms_registry_says():
    from vllm import ModelRegistry

    have = set(ModelRegistry.get_supported_archs())
    said = dict(ROW.findall(DOCS.read_text(encoding="utf-8")))
    assert len(said) == len(set(families.FAMILIES.values())) + 1
    assert said == {name: "yes" if name in have else "no" for name in said}


def test_a_model_that_is_given_whole_conversations_is_for_a_server(tmp_path):
    pytest.importorskip("mistral_common")
    with pytest.raises(InputError, match=r"start one \(vllm serve\) and use --engine server"):
        open_engine("vllm", families.build("voxtral", tmp_path / "voxtral"))


def test_a_model_that_ships_its_adapter_is_not_sampled_from_without_it(tmp_path):
    folder = tiny_model.build(tmp_path / "model")
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError) as error:
        open_engine("vllm", folder)
    assert str(error.value) == f"{folder}: hears with the adapter that comes with it; add --lora {folder}"
