# How a module of the firmware spells its names once some modules are joined: the rewriters of linker, for a module that
# is joined and for one that is not. Standard library and scope.
#
# A linker tells what they go by: root, the module that is joined to; joined, the names of those that are; bound,
# {joined module: its global names}; origin(module, name), where a name comes from; final, {origin: new spelling};
# owners, the other way round; constants, {origin: whole number}.

import ast

from siplet_tools import scope


class LinkError(Exception):
    """A module that cannot be joined, and what hinders it."""


class Capture(Exception):
    """The global name args[0], (module, name), would be mistaken for another one of the spelling chosen for it."""


CONST = ("", "from micropython import const")  # the origin of what marks a constant for the compiler


def _listed(node):
    return node if isinstance(node, list) else [] if node is None else [node]


class Outside(ast.NodeTransformer):
    # Rewrites a module that is not joined: what it imports from joined ones.

    def __init__(self, linker, module):
        self.linker = linker
        self.module = module

    def fail(self, text):
        raise LinkError(f"{self.module}: {text}")

    def visit_Import(self, node):
        for alias in node.names:
            if alias.name in self.linker.joined:
                self.fail(f"import {alias.name} is joined: import names from it, not the module")
        return node

    def visit_ImportFrom(self, node):
        linker = self.linker
        inner = [alias.name for alias in node.names if f"{node.module}.{alias.name}" in linker.joined]
        if node.module not in linker.joined:
            if [name for name in inner if f"{node.module}.{name}" != linker.root]:
                self.fail(f"{node.module}.{inner[0]} is joined: import names from it, not the module")
            return node
        found, rest = [], []
        for alias in node.names:
            origin = linker.origin(node.module, alias.name)
            name = alias.asname or alias.name
            if origin in linker.constants:
                found.append(ast.Assign([ast.Name(name, ast.Store())], ast.Constant(linker.constants[origin])))
            elif origin in linker.final:
                new = linker.final[origin]
                rest.append(ast.alias(new, None if new == name else name))
            else:
                self.fail(f"{node.module} has no {alias.name} that can be imported")
        return found + ([ast.ImportFrom(linker.root, rest, 0)] if rest else [])


class Joined(Outside):
    # Rewrites a joined module: names are looked up as Python does, by scopes.

    def __init__(self, linker, module):
        super().__init__(linker, module)
        self.scopes = []  # of the functions around: scope.names()
        self.own = set()  # the names of the class whose body this is

    def _in_function(self, name):
        return next((names[name] for names in reversed(self.scopes) if name in names), False)

    def _is_global(self, name):
        return name in self.linker.bound[self.module] and name not in self.own and not self._in_function(name)

    def _new(self, name, member=None):
        # the new spelling of a global name, or of a member of the joined module that it stands for
        origin = self.linker.origin(self.module, name)
        if member:
            origin = self.linker.origin(origin[0], member)
        if origin not in self.linker.final:
            self.fail(f"{name} stands for a module: only its members can be used")
        new = self.linker.final[origin]
        if new in self.own or self._in_function(new):
            raise Capture(origin)
        return new

    def visit_Name(self, node):
        name = node.id
        if self._is_global(name):
            node.id = self._new(name)
            return node
        if name in self.own and isinstance(node.ctx, ast.Load) and name in self.linker.bound[self.module]:
            self.fail(f"{name} in a class may be the class's or the module's")
        origin = self.linker.owners.get(name)
        is_local = name in self.own or self._in_function(name)
        if origin and (origin in self.linker.constants or not is_local):
            raise Capture(origin)  # a builtin; or a local, in whose place the compiler would put the constant
        return node

    def visit_Attribute(self, node):
        value = node.value
        is_global = isinstance(value, ast.Name) and self._is_global(value.id)
        if is_global and self.linker.origin(self.module, value.id)[1] is None:
            if not isinstance(node.ctx, ast.Load):
                self.fail(f"{value.id}.{node.attr} is set from another module")
            return ast.Name(self._new(value.id, node.attr), node.ctx)
        return self.generic_visit(node)

    def visit_Global(self, node):
        node.names = [self._new(name) for name in node.names]
        return node

    def visit_ExceptHandler(self, node):
        if node.name and self._is_global(node.name):
            node.name = self._new(node.name)
        return self.generic_visit(node)

    def _header(self, node):
        # all but the body belongs to the surroundings
        if self._is_global(node.name):
            node.name = self._new(node.name)
        for field in ("decorator_list", "bases", "args", "returns"):
            part = getattr(node, field, None)
            if part:
                setattr(node, field, [self.visit(n) for n in part] if isinstance(part, list) else self.visit(part))

    def _inside(self, node, visit, own=()):
        # what visit() returns, in the scope of node: of a class when it has names of its own
        outer = self.scopes, self.own
        self.own = set(own)
        if not isinstance(node, ast.ClassDef):
            self.scopes = [*self.scopes, scope.names(node)]
        done = visit()
        self.scopes, self.own = outer
        return done

    def _block(self, body):
        return [new for node in body for new in _listed(self.visit(node))]

    def _definition(self, node):
        self._header(node)
        own = scope.bound(node.body) if isinstance(node, ast.ClassDef) else ()
        node.body = self._inside(node, lambda: self._block(node.body), own)
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = _definition

    def visit_Lambda(self, node):
        node.args = self.visit(node.args)
        node.body = self._inside(node, lambda: self.visit(node.body))
        return node

    def _comprehension(self, node):
        first = node.generators[0]
        outer = self.visit(first.iter)
        first.iter = ast.Constant(None)
        self._inside(node, lambda: self.generic_visit(node))
        first.iter = outer
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _import(self, node):
        visit = super().visit_Import if isinstance(node, ast.Import) else super().visit_ImportFrom
        found = _listed(visit(node))
        for one in found:
            # a global name here: at the module's top, within a try or an if
            if isinstance(one, ast.Assign):
                one.targets = [self.visit(one.targets[0])]
            else:
                for alias in one.names:
                    name = alias.asname or alias.name
                    if self._is_global(name):
                        alias.asname = None if self._new(name) == alias.name else self._new(name)
        return found

    visit_Import = visit_ImportFrom = _import

    def visit_Assign(self, node):
        target = node.targets[0]
        if isinstance(target, ast.Name) and self._is_global(target.id):
            number = self.linker.constants.get(self.linker.origin(self.module, target.id))
            if number is not None:
                node.value = ast.Call(ast.Name(self.linker.final[CONST], ast.Load()), [ast.Constant(number)], [])
                node.targets = [self.visit(target)]
                return node
        return self.generic_visit(node)
