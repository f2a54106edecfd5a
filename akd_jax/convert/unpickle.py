"""A pickle machine that can build data and nothing else.

`pickletools.genops` decodes the opcodes (source of their meaning: CPython's Lib/pickletools.py); the loop
here executes those that `torch.save` writes. No name in a pickle is imported: a name becomes a `Global`, and
only the builders that the caller passes in are ever called. `pickle.Unpickler` is not used because it obeys
a hostile pickle before any of our code is asked: it sizes its memo by an index in the file (4 GiB for six
bytes), sets arbitrary attributes on what `find_class` returned, and overflows the C stack when it hashes a
deeply nested tuple.
"""

import pickletools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from akd_jax.errors import InputError

MAX_OPERATIONS = 2_000_000  # bounds time (seconds) and memory (each operation makes at most one small object)

_FORBIDDEN_MODULES = frozenset(
    "os posix posixpath nt ntpath io _io subprocess sys runpy shutil socket importlib imp pickle "
    "_pickle ctypes pty multiprocessing threading signal code codeop commands "
    "webbrowser pdb bdb timeit cProfile profile".split()
)
_BUILTIN_TYPES = frozenset(
    "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple type".split()
)
_ARGUMENT_OPS = frozenset(
    "BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINSTRING SHORT_BINSTRING "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_CONTAINERS = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class CheckpointError(InputError):
    """A file that cannot be read as a checkpoint; the message is one line: what is wrong and what to do."""


class Global(NamedTuple):
    """A class or function that a pickle names, e.g. 'torch.FloatStorage'; never imported."""

    name: str


class Inert:
    """Stands for an object of a class that is not built: a record of what the pickle said about it.

    name: dotted name of the class or function; args: what it was to be called with; state: its `__dict__`
    where it had one, else what the pickle set; mapping, sequence: the items of a dict or list subclass.
    """

    __slots__ = ("args", "mapping", "name", "sequence", "state")

    def __init__(self, name: str, args: tuple = ()) -> None:
        self.name, self.args = name, args
        self.state: Any = None
        self.mapping: dict = {}
        self.sequence: list = []

    def __repr__(self) -> str:
        return f"<Inert {self.name}>"


def shorten(text: object) -> str:
    """Text from a file made fit for an error line: printable ASCII, of at most 80 of its characters."""
    return str(text)[:80].encode("unicode_escape").decode()


def unpickle(stream: BinaryIO, builders: Mapping[str, Callable], persistent: Callable[[object], object]) -> object:
    """Execute one pickle and leave `stream` just behind it.

    stream: in memory, so that a length field in the pickle cannot make a read allocate more than there is.
    builders: what to call for REDUCE and NEWOBJ, by dotted name; a name without one gives an `Inert`.
    persistent: maps a persistent id (`BINPERSID`) to the object it stands for.
    Raises CheckpointError for a refused name or operation, and whatever Python raises for malformed bytes.
    """
    stack: list = []
    marked: list[list] = []
    memo: dict[int, object] = {}

    def pop_marked() -> list:
        nonlocal stack
        items, stack = stack, marked.pop()
        return items

    for count, (op, arg, _) in enumerate(pickletools.genops(stream)):
        if count >= MAX_OPERATIONS:
            raise CheckpointError(f"its pickle has over {MAX_OPERATIONS:,} operations: save the state_dict alone")
        name = op.name
        if name in _ARGUMENT_OPS:
            stack.append(arg)
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[arg] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[arg])
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _CONTAINERS:
            stack.append(_CONTAINERS[name]())
        elif name == "MARK":
            marked.append(stack)
            stack = []
        elif name in _TUPLES:
            size = _TUPLES[name]
            if len(stack) < size:
                raise IndexError("pickle stack underflow")
            stack[-size:] = [tuple(stack[-size:])]
        elif name == "TUPLE":
            items = pop_marked()
            stack.append(tuple(items))
        elif name == "APPEND":
            item = stack.pop()
            _sequence(stack[-1]).append(item)
        elif name == "APPENDS":
            items = pop_marked()
            _sequence(stack[-1]).extend(items)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _mapping(stack[-1])[flat_key(key)] = value
        elif name == "SETITEMS":
            items = pop_marked()
            _mapping(stack[-1]).update(zip(map(flat_key, items[::2]), items[1::2], strict=True))
        elif name == "ADDITEMS":
            items = pop_marked()
            stack[-1].update(map(flat_key, items))
        elif name == "FROZENSET":
            items = pop_marked()
            stack.append(frozenset(map(flat_key, items)))
        elif name == "GLOBAL":
            stack.append(_resolve(*arg.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_resolve(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            args, target = stack.pop(), stack.pop()
            stack.append(call(target, args, builders))
        elif name == "NEWOBJ_EX":
            keywords, args, target = stack.pop(), stack.pop(), stack.pop()
            stack.append(Inert(target.name, (*args, keywords)))
        elif name == "BUILD":
            state = stack.pop()
            _build(stack[-1], state)
        elif name == "BINPERSID":
            stack.append(persistent(stack.pop()))
        elif name == "POP":
            stack.pop() if stack else pop_marked()
        elif name == "POP_MARK":
            pop_marked()
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise CheckpointError(f"uses the pickle operation {name}, which torch.save never writes: refused")
    (result,) = stack
    return result


def call(target: object, args: object, builders: Mapping[str, Callable]) -> object:
    """What `target(*args)` gives: its builder's result, or an `Inert`. target: a `Global`; args: a tuple."""
    if not isinstance(target, Global) or not isinstance(args, tuple):
        raise TypeError("a pickle calls something that is not a name")
    builder = builders.get(target.name)
    return builder(*args) if builder else Inert(target.name, args)


def _resolve(module: str, attribute: str) -> Global:
    name = f"{module}.{attribute}"
    builtin = module in ("builtins", "__builtin__")
    if module.split(".")[0] in _FORBIDDEN_MODULES or (builtin and attribute not in _BUILTIN_TYPES):
        raise CheckpointError(f"names {shorten(name)}, which a checkpoint of weights never needs: refused")
    return Global(name)


def _build(target: object, state: object) -> None:
    """Keep an `Inert`'s state; what a dict (`state_dict()._metadata`) or array has besides is dropped."""
    if isinstance(target, Inert):
        match state:
            case (dict() | None as attributes, dict() as slots):
                state = {**(attributes or {}), **slots}
        target.state = state


def _mapping(target: Any) -> dict:
    return target if isinstance(target, dict) else target.mapping


def _sequence(target: Any) -> list:
    return target if isinstance(target, list) else target.sequence


def flat_key(key: object) -> object:
    """The dict key or set member itself, if hashing it is shallow and cheap."""
    flat = (str, bytes, int, float, complex, type(None), Global, Inert)
    if isinstance(key, flat) or (isinstance(key, tuple) and all(isinstance(part, flat) for part in key)):
        return key
    raise TypeError(f"a {type(key).__name__} as a dict key")
