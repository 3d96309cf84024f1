import json
import struct

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fallline.core.errors import FalllineError
from fallline.core.tensor_files import load_tensors, nest, save_tensors
from fallline.core.tensors import flatten, unflatten

DTYPES = st.sampled_from([np.dtype(each) for each in ("f4", "f8", "i4", "u4", "i8", "bool")])
ARRAYS = DTYPES.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
NAMES = st.text("abcdefgh_0123456789.", min_size=1, max_size=8)


@given(tree=st.dictionaries(NAMES, st.dictionaries(NAMES, ARRAYS, max_size=3), max_size=3))
def test_a_tree_comes_back_from_the_disk_to_the_bit(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("t") / "x.safetensors"
    save_tensors(path, flatten(tree), {"kind": "test", "text": 'quotes " and \N{GREEK SMALL LETTER ALPHA}'})
    arrays, description = load_tensors(path, "file")
    assert description == {"kind": "test", "text": 'quotes " and \N{GREEK SMALL LETTER ALPHA}'}
    back = unflatten(arrays, tree)
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    for a, b in zip(jax.tree.leaves(tree), jax.tree.leaves(back), strict=True):
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    without_empty = {name: part for name, part in tree.items() if part}
    assert jax.tree.structure(nest(arrays)) == jax.tree.structure(without_empty)


def test_numbers_keep_their_shape_and_strided_arrays_their_order(tmp_path):
    arrays = {"step": np.asarray(np.int32(7)), "turned": np.arange(6.0).reshape(2, 3).T}
    save_tensors(tmp_path / "x", arrays, {})
    back, _ = load_tensors(tmp_path / "x", "file")
    assert back["step"].shape == ()
    np.testing.assert_array_equal(back["turned"], arrays["turned"])


def test_random_keys_come_back(tmp_path):
    tree = {"key": jax.random.key(5), "x": jnp.arange(3)}
    save_tensors(tmp_path / "x", flatten(tree), {})
    back = unflatten(load_tensors(tmp_path / "x", "file")[0], jax.eval_shape(lambda: tree))
    assert float(jax.random.uniform(back["key"])) == float(jax.random.uniform(tree["key"]))


def test_what_does_not_fit_is_named():
    like = {"a": np.zeros((2, 3), np.float32)}
    with pytest.raises(FalllineError, match="array 'a' is missing"):
        unflatten({}, like)
    with pytest.raises(FalllineError, match=r"array 'a' is float32\(3, 2\), expected float32\(2, 3\)"):
        unflatten({"a": np.zeros((3, 2), np.float32)}, like)
    with pytest.raises(FalllineError, match="expected float32"):
        unflatten({"a": np.zeros((2, 3))}, like)


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"a": np.arange(3, dtype=np.float32), "b": np.ones((1, 2), np.int32)}, {"kind": "test"})
    return path


def test_a_flipped_bit_anywhere_is_noticed_or_harmless(small):
    """Only the header's padding may change without notice, and then the content is the same."""
    whole, harmless = small.read_bytes(), 0
    expected, sentences = load_tensors(small, "file"), set()
    for place in range(len(whole)):
        for bit in (0, 3, 5, 7):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            small.write_bytes(damaged)
            try:
                arrays, description = load_tensors(small, "file")
            except FalllineError as error:
                sentences.add(str(error))
                continue
            harmless += 1
            assert description == expected[1]
            for name, array in expected[0].items():
                assert array.tobytes() == arrays[name].tobytes()
    assert all(str(small) in each for each in sentences)
    assert harmless < 0.05 * 4 * len(whole)


def test_a_truncated_file_is_noticed_wherever_it_ends(small):
    whole = small.read_bytes()
    for length in range(len(whole)):
        small.write_bytes(whole[:length])
        with pytest.raises(FalllineError, match="damaged or not a safetensors file"):
            load_tensors(small, "checkpoint")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04K\x01.",  # a pickle
        b"x,y\n1,2\n",
        b"\xff" * 64,
        struct.pack("<Q", 2**62) + b"{}",  # a header that claims to be larger than any memory
        struct.pack("<Q", 2) + b"[]",
        (lambda head: struct.pack("<Q", len(head)) + head)(
            json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
        ),
    ],
)
def test_what_is_no_safetensors_file_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(FalllineError, match=r"^model '.*x' is damaged or not a safetensors file"):
        load_tensors(path, "model")


def test_a_safetensors_file_of_someone_else_is_not_ours(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(2)}, tmp_path / "theirs")
    with pytest.raises(FalllineError, match="was not written by fallline"):
        load_tensors(tmp_path / "theirs", "model")
    save_file({"a": np.zeros(2)}, tmp_path / "forged", metadata={"fallline": "{}", "sha256": "0"})
    with pytest.raises(FalllineError, match="digest does not match"):
        load_tensors(tmp_path / "forged", "model")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for path, sentence in ((tmp_path / "none", "is not there"), (tmp_path, "is a folder")):
        with pytest.raises(FalllineError, match=sentence):
            load_tensors(path, "model")
