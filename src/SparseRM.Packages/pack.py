"""Writes the Python wheel and the tarball for C and C++: pack.py VERSION LIBRARY OUTPUT.

The wheel follows PEP 427 and is written without pip. The tarball has the library, headers, pkg-config and CMake files, examples, and the demo's model with
a reward model that is fitted here.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
ROOT, BINDINGS, MINIWORLD = SOURCE.parent, SOURCE / "SparseRM.Bindings", SOURCE / "SparseRM.Demo" / "miniworld"
TAG = "py3-none-manylinux_2_34_x86_64"


def wheel(version: str, library: Path, output: Path) -> Path:
    info = f"sparserm-{version}.dist-info"
    files: dict[str, bytes] = {
        f"sparserm/{path.relative_to(BINDINGS / 'python' / 'sparserm')}": path.read_bytes()
        for path in sorted((BINDINGS / "python" / "sparserm").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    files["sparserm/libsparserm.so"] = library.read_bytes()
    files[f"{info}/METADATA"] = "\n".join([
        "Metadata-Version: 2.4", "Name: sparserm", f"Version: {version}", "Summary: Reward scores of answers, from a language model's hidden states",
        "License-Expression: MIT", "License-File: LICENSE", "License-File: THIRD-PARTY-NOTICES.md", "Requires-Python: >=3.10",
        "Provides-Extra: numpy", "Requires-Dist: numpy; extra == 'numpy'", "Description-Content-Type: text/markdown", "",
        (BINDINGS / "python" / "README.md").read_text(),
    ]).encode()
    files[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: sparserm\nRoot-Is-Purelib: false\nTag: {TAG}\n".encode()
    for path in (ROOT / "LICENSE", SOURCE / "THIRD-PARTY-NOTICES.md"):
        files[f"{info}/licenses/{path.name}"] = path.read_bytes()
    record = [f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}" for name, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    path = output / f"sparserm-{version}-{TAG}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # a fixed date: the same inputs give the same bytes
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    return path


def reward(library: Path, output: Path) -> Path:
    """The demo's reward model."""
    path = output / "reward.safetensors"
    code = "import sys, sparserm; sparserm.fit(*sys.argv[1:4], sae=sys.argv[4], k=32)"
    sae = MINIWORLD / "saes" / "gemma-scope" / "layer_4" / "width_2k" / "average_l0_25"
    data = MINIWORLD / "pairs" / "truthfulness.train.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(BINDINGS / "python"), "SPARSERM_LIBRARY": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code, str(MINIWORLD / "model"), str(data), str(path), str(sae)], check=True, env=environment)
    return path


def tarball(version: str, library: Path, output: Path) -> Path:
    name = f"sparserm-{version}-linux-x64"
    files: dict[str, bytes] = {
        "lib/libsparserm.so": library.read_bytes(),
        "include/sparserm.h": (SOURCE / "SparseRM.CApi" / "include" / "sparserm.h").read_bytes(),
        "include/sparserm.hpp": (BINDINGS / "cpp" / "sparserm.hpp").read_bytes(),
        "lib/pkgconfig/sparserm.pc": (BINDINGS / "c" / "sparserm.pc").read_text().replace("@VERSION@", version).encode(),
        "lib/cmake/sparserm/sparserm-config.cmake": (BINDINGS / "c" / "sparserm-config.cmake").read_bytes(),
        "examples/score.c": (BINDINGS / "c" / "score.c").read_bytes(),
        "examples/score.cpp": (BINDINGS / "cpp" / "score.cpp").read_bytes(),
        "examples/score.py": (BINDINGS / "python" / "examples" / "score.py").read_bytes(),
        "demo/reward.safetensors": reward(library, output).read_bytes(),
        "README.md": (BINDINGS / "README.md").read_bytes(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        "THIRD-PARTY-NOTICES.md": (SOURCE / "THIRD-PARTY-NOTICES.md").read_bytes(),
    }
    for path in sorted((MINIWORLD / "model").iterdir()):
        files[f"demo/model/{path.name}"] = path.read_bytes()
    for path in sorted((BINDINGS / "python" / "sparserm").rglob("*.py*")):
        if "__pycache__" not in path.parts:
            files[f"python/sparserm/{path.name}"] = path.read_bytes()
    (output / "reward.safetensors").unlink()
    path = output / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for place, data in files.items():
            entry = tarfile.TarInfo(f"{name}/{place}")
            entry.size, entry.mode = len(data), 0o755 if place.endswith(".so") else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return path


if __name__ == "__main__":
    given_version, given_library, given_output = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3]).resolve()
    given_output.mkdir(parents=True, exist_ok=True)
    print(wheel(given_version, given_library, given_output))
    print(tarball(given_version, given_library, given_output))
