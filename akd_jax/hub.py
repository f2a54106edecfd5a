"""Checkpoints on the Hugging Face hub, by address: hf://owner/name, or hf://owner/name/file."""

import urllib.error
import urllib.request
from pathlib import Path

from akd_jax.errors import InputError
from akd_jax.optional import why_missing

SCHEME = "hf://"
ENDINGS = (".safetensors", ".pth", ".pt", ".th", ".ckpt", ".bin")

OFFLINE = "the hub does not answer, and no copy is here: check the network, or download the file elsewhere"


def is_address(text: str) -> bool:
    """Whether it is meant for `fetch`."""
    return text.startswith(SCHEME)


def fetch(address: str, *, endpoint: str | None = None) -> tuple[Path, str]:
    """(the file in the hub's cache, its whole address), downloaded if it is not there.

    Without a file in the address: the repository's one checkpoint. endpoint: a URL other than the hub's, which
    $HF_ENDPOINT gives too. Raises InputError.
    """
    owner, name, *inner = address.removeprefix(SCHEME).split("/", 2) + [""] * (address.count("/") < 3)
    if not owner or not name:
        raise InputError(f"{address}: wanted hf://owner/name or hf://owner/name/file")
    if reason := why_missing("huggingface_hub"):
        raise InputError(
            f"{address} needs huggingface-hub ({reason}): pip install 'akd_jax[hub]', or download the file yourself"
        )
    from huggingface_hub import HfApi, constants, errors
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # it tells of every attempt
    repository, file = f"{owner}/{name}", "".join(inner)
    online = not constants.HF_HUB_OFFLINE and _answers(endpoint or constants.ENDPOINT)
    api = HfApi(endpoint=endpoint)
    if not (online or file):
        raise InputError(f"{address}: {OFFLINE}")
    try:
        file = file or _only(api.list_repo_files(repository), address)
        path = api.hf_hub_download(repository, file, local_files_only=not online)
    except InputError:
        raise
    except errors.LocalEntryNotFoundError as fault:
        raise InputError(f"{address}: {OFFLINE}") from fault
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError, errors.HFValidationError) as fault:
        raise InputError(f"{address}: no such public repository or file: check the address") from fault
    except Exception as fault:  # the network's, of another library with every few versions of this one
        raise InputError(
            f"{address}: cannot be fetched ({type(fault).__name__}: {fault!s:.200}): try again, or download the file "
            "yourself"
        ) from fault
    return Path(path), f"{SCHEME}{repository}/{file}"


def _answers(url: str) -> bool:
    """Asked first, since the library tries for half a minute. A refusal is an answer."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _only(files: list[str], address: str) -> str:
    """The one checkpoint of a repository; of the same weights in two formats, the safetensors."""
    found = [file for file in files if file.endswith(ENDINGS)]
    safe = [file for file in found if file.endswith(ENDINGS[0])]
    if len(safe or found) != 1:
        listed = ", ".join(found[:10]) or "none"
        raise InputError(f"{address}: give the file too, as {address.rstrip('/')}/FILE; its checkpoints: {listed}")
    return (safe or found)[0]
