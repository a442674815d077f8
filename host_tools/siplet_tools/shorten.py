# Shares names among what cannot meet: a board keeps every name once, at thirty bytes each on its heap, and its table of
# names doubles when it is full. Standard library only. Trees are changed in place.

import ast
import builtins
import re
import string

from siplet_tools.scope import COMPREHENSIONS, FUNCTIONS, IMPORTS, bound, bound_by, names, walk_here


def attributes(trees):
    """Gives private attributes and methods of unrelated classes the same few names. trees: {module: tree} of all.

    A name becomes the same one wherever it stands, so that modules still understand each other. What stands in a text
    keeps its own, and so does what belongs to a module from outside, and what a base has or may have that comes from
    there.

    Returns {new name: ["Class.name" that it stands for, ...]}, for who reads a traceback.
    """
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    kept = words(nodes) | {node.name for node in nodes if isinstance(node, ast.ClassDef)}
    for tree in trees.values():
        imported = {name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in bound_by(node)}
        here = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
        kept |= {node.attr for node in here if _root(node) in imported}
    # An upper-case name may be a constant's, in whose place the compiler puts its number
    taken = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    taken |= {node.id for node in nodes if isinstance(node, ast.Name) and node.id.isupper()}
    letters = _letters(taken)
    owners, used, final, told = {}, set(), {}, {}
    for node, family in _families(trees):
        used |= {(family, name.id) for name in walk_here(node.body) if isinstance(name, ast.Name)}
        own = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute) and _is_self(one.value)}
        for name in own | bound(node.body):
            owners.setdefault(name, {}).setdefault(family, node.name)
    for name, families in sorted(owners.items()):
        if _is_private(name) and name not in kept and None not in families:
            free = (new for new in letters if not any((family, new) in used for family in families))
            final[name] = next(free, name)
            used |= {(family, final[name]) for family in families}
            told.setdefault(final[name], []).extend(f"{owner}.{name}" for owner in families.values())
    for node in nodes:
        if isinstance(node, ast.Attribute):
            node.attr = final.get(node.attr, node.attr)
        elif isinstance(node, ast.ClassDef):
            own = bound(node.body)
            for inner in walk_here(node.body):
                if isinstance(inner, ast.Name) and inner.id in own:
                    inner.id = final.get(inner.id, inner.id)
                elif isinstance(inner, FUNCTIONS):
                    inner.name = final.get(inner.name, inner.name)
    return told


def words(nodes):
    """What stands in texts: a name may be looked up by it."""
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    texts = [value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in values]
    return {word for text in texts for word in re.findall(r"\w+", text)}


def _letters(taken):
    return [new for new in map("_".__add__, string.ascii_letters) if new not in taken]


def _is_private(name):
    return name[0] == "_" and name[:2] != "__"


def _is_self(node):
    if isinstance(node, ast.Call) and not node.args:  # super()
        node = node.func
        return isinstance(node, ast.Name) and node.id == "super"
    return isinstance(node, ast.Name) and node.id == "self"


def _root(node):
    # The name that a chain of attributes, calls and items begins with; None when it does not begin with one
    while not isinstance(node, ast.Name):
        node = getattr(node, "value", None) or getattr(node, "func", None)
        if node is None:
            return None
    return node.id


def _families(trees):
    # [(class, its family)]: who inherits from one another is a family; None for who inherits from what we do not see
    nodes = [(module, node) for module, tree in trees.items() for node in ast.walk(tree)]
    classes = [(module, node) for module, node in nodes if isinstance(node, ast.ClassDef)]
    families = {(module, node.name): (module, node.name) for module, node in classes}
    for module, node in classes:
        for base in map(ast.unparse, node.bases):
            origin = _origin(trees[module], base) or (module, base)
            if origin in families or not hasattr(builtins, base):
                both = families[module, node.name], families.get(origin)
                one = both[1] if all(both) else None
                families = {key: one if family in both else family for key, family in families.items()}
    return [(node, families[module, node.name]) for module, node in classes]


def _origin(tree, name):
    # (module, name there) of what a module imports
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, ast.ImportFrom) else ():
            if name == (alias.asname or alias.name):
                return node.module, alias.name
    return None


def arguments(tree, keywords, public):
    """Gives arguments that nobody passes by name the same few names, those that stand for nothing else.

    keywords: the names that somebody passes; public: classes whose methods an application may call as it likes, None:
    so it may with all classes.
    """
    known = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} | keywords | bound(tree.body)
    for top, node in [(outer, node) for outer in tree.body for node in ast.walk(outer)]:
        if not isinstance(node, FUNCTIONS):
            continue
        is_public = isinstance(top, ast.ClassDef) and (public is None or top.name in public)
        if is_public and (node.name[0] != "_" or node.name == "__init__"):
            continue
        inside = [inner for statement in node.body for inner in ast.walk(statement)]
        if any(isinstance(inner, (*FUNCTIONS, ast.ClassDef, ast.Lambda)) for inner in inside):
            continue
        ours = node.args.posonlyargs + node.args.args
        fixed = {getattr(n, "asname", None) or n.name for n in inside if isinstance(n, (ast.alias, ast.ExceptHandler))}
        used = {n.id for n in inside if isinstance(n, ast.Name)} | {a.arg for a in ours} | fixed
        for argument in ours:
            old = argument.arg
            if old in known or old in fixed or old in ("self", "cls"):
                continue
            argument.arg = next((letter for letter in string.ascii_lowercase if letter not in used), old)
            used.add(argument.arg)
            for n in inside:
                if isinstance(n, ast.Name) and n.id == old:
                    n.id = argument.arg


def globals_(tree, known):
    """Gives a module's private names the same few as other modules', but those known to others. Returns {new: old}."""
    nodes = list(ast.walk(tree))
    known = set(known)
    for node in nodes:
        if isinstance(node, (*FUNCTIONS, *COMPREHENSIONS, ast.Lambda)):
            known |= {name for name, is_local in names(node).items() if is_local}
        elif isinstance(node, ast.ClassDef):
            known |= bound(node.body)
        elif isinstance(node, (*IMPORTS, ast.ExceptHandler)):
            known |= bound_by(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("const("):
            known |= bound(node.targets)  # a constant costs no name
    letters = _letters({node.id for node in nodes if isinstance(node, ast.Name)} | known)
    final = dict(zip(sorted(filter(_is_private, bound(tree.body) - known)), letters))
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = final.get(node.id, node.id)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            node.name = final.get(node.name, node.name)
        elif isinstance(node, ast.Global):
            node.names = [final.get(name, name) for name in node.names]
    return {new: name for name, new in final.items()}
