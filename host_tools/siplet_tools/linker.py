# Joins modules of the firmware into one, before mpy-cross compiles it. Standard library, scope, shorten and respell.
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
from siplet_tools.respell import CONST, Capture, Joined, LinkError, Outside


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
                    body += Joined(self, name).visit(ast.Module(rest, [])).body
                linked = {name: Outside(self, name).visit(tree) for name, tree in trees.items()}
                return {self.root: ast.Module(self._outside_imports() + body, []), **linked}
            except Capture as capture:
                avoid.add((capture.args[0], self.final[capture.args[0]]))

    def _choose_names(self, avoid):
        # final: {origin: its name in root}; owners: the other way round
        self.final, self.owners = {}, {}
        data = {(name, one) for name in self.joined for one in self._data(name)}
        letters = map("_".__add__, string.ascii_letters)
        origins = [CONST] if self.constants else []
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
