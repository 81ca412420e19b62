"""Security page §1: no machine-learning model is trained on Amazon's data."""

from __future__ import annotations

from datetime import timedelta
from importlib import metadata

from theseller.controls.probe_tools import module_imports
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="aup-no-training",
    section=1,
    title=gettext_noop("No model is trained on your data"),
    statement=gettext_noop(
        "The running service has no library that trains models and none that sends text to one,"
        " neither among its own imports nor among what is installed beside it."
    ),
    citation="Security page §1; Acceptable Use Policy 4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=("requirements/run.txt", "pyproject.toml"),
)

#: Names of distributions and of the modules they bring; what trains models, or hands data to a
#: service that may.
_TRAINING = frozenset(
    [
        "tensorflow",
        "tensorflow-cpu",
        "keras",
        "torch",
        "torchvision",
        "pytorch-lightning",
        "lightning",
        "jax",
        "jaxlib",
        "flax",
        "scikit-learn",
        "sklearn",
        "xgboost",
        "lightgbm",
        "catboost",
        "transformers",
        "datasets",
        "sentence-transformers",
        "peft",
        "trl",
        "accelerate",
        "spacy",
        "nltk",
        "gensim",
        "fastai",
        "mxnet",
        "paddlepaddle",
        "onnx",
        "onnxruntime",
        "openai",
        "anthropic",
        "cohere",
        "mistralai",
        "google-generativeai",
        "google-genai",
        "langchain",
        "langchain-core",
        "llama-index",
        "llama-cpp-python",
        "vllm",
        "litellm",
        "huggingface-hub",
        "mlflow",
        "wandb",
        "ray",
        "sagemaker",
        "statsmodels",
        "prophet",
    ]
)


def probe(context: ProbeContext) -> Outcome:
    """Search for libraries that train models.

    Compared are the distributions that are installed in this process's environment and the imports
    of its modules.
    """
    del context
    installed = {
        str(distribution.metadata["Name"] or "").lower().replace("_", "-")
        for distribution in metadata.distributions()
    }
    modules = module_imports.module_imports()
    imported = {
        name.partition(".")[0].replace("_", "-") for names in modules.values() for name in names
    }
    must_find(
        "django" in installed and "django" in imported, "a library that is installed and imported"
    )
    must_find(_training({"torch"}, {"sklearn"}), "a library that trains models")
    return verdict(
        len(installed) + len(modules),
        _training(installed, imported),
        f"{len(installed)} installed libraries and the imports of {len(modules)} modules: none"
        " trains models or calls one.",
        libraries=len(installed),
        modules=len(modules),
    )


def _training(installed: set[str], imported: set[str]) -> list[str]:
    found = [f"The library {name} is installed." for name in sorted(installed & _TRAINING)]
    return found + [f"A module imports {name}." for name in sorted(imported & _TRAINING)]
