# Joins modules of the firmware into one, before mpy-cross compiles it. Standard library only.
#
# On a board every module costs heap of its own: its object and its names' table, three texts (name, file, source), an
# entry for each name that it imports, and each of its constants once more. The sources stay one noun a file; what a
# phone always loads goes to the board as one file, in which an import is just another spelling of a name, and a whole
# number that never changes is a constant of the compiler.
#
# What is joined: the modules that a root imports at its top, and those that these import, without the ones that are
# kept: what applications and boards import must stay where they look for it. A module outside that imports a joined
# one, at its top or within a function, gets the same names from the root.

import ast
import copy
import string

from siplet_tools import scope, shorten


class LinkError(Exception):
    """A module that cannot be joined, and what hinders it."""


class _Capture(Exception):
    """The global name args[0], (module, name), would be mistaken for another one of the spelling chosen for it."""


_CONST = ("", "from micropython import const")  # the origin of what marks a constant for the compiler


def _listed(node):
    return node if isinstance(node, list) else [] if node is None else [node]


class _Outside(ast.NodeTransformer):
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


class _Joined(_Outside):
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
            raise _Capture(origin)
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
            raise _Capture(origin)  # a builtin; or a local, in whose place the compiler would put the constant
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
                node.value = ast.Call(ast.Name(self.linker.final[_CONST], ast.Load()), [ast.Constant(number)], [])
                node.targets = [self.visit(target)]
                return node
        return self.generic_visit(node)


class Linker:
    """sources: {dotted module: text}; packages: the names among them that stand for an __init__ file."""

    def __init__(self, sources, packages=()):
        self.trees = {name: ast.parse(text, name) for name, text in sources.items()}
        for tree in self.trees.values():
            tree.body = [new for node in tree.body for new in self._settle(node)]
        self.packages = packages

    def link(self, root, keep, public=(), also=()):
        """{dotted module: text}: the joined ones as root, all others with their imports set right.

        keep: modules that stay what they are, and so does what they import at their top. public: classes, and modules
        that are not joined, whose arguments keep their names. also: modules that are joined though only functions
        import them. Leaves names: {new: [what it stands for, ...]}.
        """
        kept = set(self.closure(keep)).union(self.packages)
        self.root = root
        self.joined = [name for name in self.closure([*also, root]) if name not in kept]
        self.bound = {name: self._bound(name) for name in self.joined}
        self.imports = {name: self._imported(name) for name in self.joined}
        self.constants = {}
        for module in self.joined:
            self._find_constants(module)
        linked = self._join()
        nodes = [node for tree in linked.values() for node in ast.walk(tree)]
        keywords = {node.arg for node in nodes if isinstance(node, ast.keyword)}
        known = shorten.words(nodes) | {node.name for node in nodes if isinstance(node, ast.alias)}
        known |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        self.names = shorten.attributes(linked)
        for name in sorted(set(linked).difference(keep, public)):
            shorten.arguments(linked[name], keywords, public if name == root else None)
            if name != root:
                for new, old in shorten.globals_(linked[name], known).items():
                    self.names.setdefault(new, []).append(f"{name}.{old}")
        return {name: ast.unparse(ast.fix_missing_locations(tree)) for name, tree in linked.items()}

    def _settle(self, node):
        # `try: from a import b` of a module of ours `except ...: from c import b` is decided here: is a one of sources?
        if not isinstance(node, ast.Try) or not all(isinstance(one, ast.ImportFrom) for one in node.body):
            return [node]
        if all(one.module in self.trees for one in node.body):
            return node.body + node.orelse + node.finalbody
        ours = {name.partition(".")[0] for name in self.trees}
        if any(one.module.partition(".")[0] in ours and one.module not in self.trees for one in node.body):
            return node.handlers[0].body + node.finalbody
        return [node]

    def closure(self, names):
        """Those modules and what they import at their top, each after what it needs."""
        found, seen = [], set()

        def visit(name):
            if name not in self.trees or name in seen:
                return
            seen.add(name)
            for node in scope.statements(self.trees[name].body):
                if isinstance(node, ast.ImportFrom):
                    visit(node.module)
                for alias in node.names if isinstance(node, scope.IMPORTS) else ():
                    visit(f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name)
            found.append(name)

        for name in names:
            visit(name)
        return found

    def _bound(self, module):
        # the module's global names
        tree = self.trees[module]
        outer = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
        return scope.bound(tree.body) | outer

    def _imported(self, module):
        # {global name: (module or "", name there)} of the imports at its top
        found = {}
        for node in self.trees[module].body:
            for alias in node.names if isinstance(node, scope.IMPORTS) else ():
                is_spelled = isinstance(node, ast.ImportFrom) or alias.asname or "." not in alias.name
                if alias.name == "*" or getattr(node, "level", 0) or not is_spelled:
                    raise LinkError(f"{module}: {ast.unparse(node)}: say which names, from which module")
                found[alias.asname or alias.name] = getattr(node, "module", ""), alias.name
        return found

    def origin(self, module, name):
        """Where a joined module's global name comes from: (joined module, name); (joined module, None) when it is that
        module; ("", text of the import) for one from outside."""
        if name not in self.imports[module]:
            return module, name
        source, member = self.imports[module][name]
        if source in self.joined:
            return self.origin(source, member)
        if f"{source}.{member}" in self.joined:
            return f"{source}.{member}", None
        return "", f"from {source} import {member}" if source else f"import {member}"

    def _find_constants(self, module):
        # NAME = const(...) or NAME = a whole number at the top, once
        names = [node for node in ast.walk(self.trees[module]) if isinstance(node, ast.Name)]
        stored = [node.id for node in names if not isinstance(node.ctx, ast.Load)]
        for node in self.trees[module].body:
            if not isinstance(node, ast.Assign) or len(node.targets) > 1 or not isinstance(node.targets[0], ast.Name):
                continue
            name, value = node.targets[0].id, node.value
            if not name.isupper() or stored.count(name) > 1:
                continue
            if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "const":
                value = value.args[0]
            known = {one: self.constants.get(self.origin(module, one)) for one in self.bound[module]}
            known = {one: number for one, number in known.items() if number is not None}
            try:
                number = eval(compile(ast.Expression(value), module, "eval"), {"__builtins__": {}}, known)
            except (ArithmeticError, AttributeError, LookupError, NameError, TypeError, ValueError):
                continue
            if type(number) is int:
                self.constants[module, name] = number

    def _join(self):
        # {module: tree}: the joined ones as root, and those that are not joined
        avoid = set()
        while True:
            self._choose_names(avoid)
            trees = copy.deepcopy(self.trees)
            body = []
            try:
                for name in self.joined:
                    rest = [node for node in trees.pop(name).body if not isinstance(node, scope.IMPORTS)]
                    body += _Joined(self, name).visit(ast.Module(rest, [])).body
                linked = {name: _Outside(self, name).visit(tree) for name, tree in trees.items()}
                return {self.root: ast.Module(self._outside_imports() + body, []), **linked}
            except _Capture as capture:
                avoid.add((capture.args[0], self.final[capture.args[0]]))

    def _choose_names(self, avoid):
        # final: {origin: its name in root}; owners: the other way round
        self.final, self.owners = {}, {}
        data = {(name, one) for name in self.joined for one in self._data(name)}
        letters = map("_".__add__, string.ascii_letters)
        origins = [_CONST] if self.constants else []
        for module in [self.root] + [name for name in self.joined if name != self.root]:
            origins += [self.origin(module, name) for name in sorted(self.bound[module])]
        for origin in dict.fromkeys(origins):
            module, name = origin
            if name is None:
                continue
            new = name if module else name.replace(".", " ").split()[-1]
            if origin in self.constants:
                new = "_" + new.lstrip("_")
            elif origin in data:  # nobody reads its name: it takes one that attributes have as well
                new = next(letters, new)
            last = (module or name.split()[1]).rpartition(".")[2]
            while new in self.owners or (origin, new) in avoid:
                new = f"{new}_{last}"
            self.final[origin] = new
            self.owners[new] = origin

    def _data(self, module):
        # the names that the top level assigns, and that are no functions, classes or imports
        nodes = [node.targets[0] for node in self.trees[module].body if isinstance(node, ast.Assign)]
        return [node.id for node in nodes if isinstance(node, ast.Name)]

    def _outside_imports(self):
        texts = [(text, new) for (module, text), new in self.final.items() if not module]
        lines = [text if text.split()[-1] == new else f"{text} as {new}" for text, new in texts]
        return ast.parse("\n".join(lines)).body
