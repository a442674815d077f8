# Which names a piece of Python binds, and where: for linker and shorten. Standard library only.

import ast

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def statements(body):
    """The statements of a module, those within if, try, for, while and with included."""
    for node in body:
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            for field in ("body", "orelse", "handlers", "finalbody"):
                yield from statements(getattr(node, field, []))


def walk_here(nodes):
    """Those nodes and what is below them in the same scope, the headers of functions and classes included."""
    todo = list(nodes)
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            inner = node.body if isinstance(node.body, list) else [node.body]
            todo += [child for child in ast.iter_child_nodes(node) if child not in inner]
        elif isinstance(node, COMPREHENSIONS):
            todo.append(node.generators[0].iter)
        else:
            todo += ast.iter_child_nodes(node)


def bound_by(node):
    """The names that an import, an except, a definition or a name by itself binds."""
    if isinstance(node, IMPORTS):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, COMPREHENSIONS):
        return {inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)}
    if isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler)):
        return {node.name} if node.name else set()
    is_target = isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    return {node.id} if is_target else set()


def bound(body):
    """The names that the statements of a module, a class or a function bind."""
    return set().union(*map(bound_by, walk_here(body)))


def names(node):
    """{name: whether it is local} of what a function or a comprehension binds or declares global."""
    if isinstance(node, COMPREHENSIONS):
        return dict.fromkeys(bound(generator.target for generator in node.generators), True)
    body = node.body if isinstance(node.body, list) else [node.body]
    local = {argument.arg for argument in ast.iter_child_nodes(node.args) if isinstance(argument, ast.arg)}
    outer = {name for inner in walk_here(body) if isinstance(inner, ast.Global) for name in inner.names}
    return {**dict.fromkeys(local | bound(body), True), **dict.fromkeys(outer, False)}
