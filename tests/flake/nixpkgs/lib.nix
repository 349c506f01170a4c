# A small library by the names of nixpkgs' own: some functions on lists and text, and a module system.
let
  inherit (builtins)
    all
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    elemAt
    filter
    foldl'
    isAttrs
    isFunction
    isList
    isString
    length
    mapAttrs
    ;

  genAttrs = names: make: builtins.listToAttrs (map (name: { inherit name; value = make name; }) names);
  concatMapStringsSep = between: make: list: concatStringsSep between (map make list);
  hasPrefix = start: text: builtins.substring 0 (builtins.stringLength start) text == start;

  # What a definition says besides its value.
  mark = _type: more: content: { inherit _type content; } // more;
  mkIf = condition: mark "if" { inherit condition; };
  mkMerge = mark "merge" { };
  mkOverride = priority: mark "override" { inherit priority; };
  mkOrder = order: mark "order" { inherit order; };

  # A definition of several options as plain sets, what is said of the whole said of each part. No condition is looked at here,
  # as it may depend on what is being found out.
  parts =
    definition:
    let
      each = say: map (mapAttrs (_: say)) (parts definition.content);
    in
    {
      "if" = each (mkIf definition.condition);
      merge = concatMap parts definition.content;
      override = each (mkOverride definition.priority);
      order = each (mkOrder definition.order);
    }
    .${definition._type or ""} or [ definition ];

  # A definition of one option as values, each with its priority and its place.
  values =
    definition:
    let
      inner = values definition.content;
    in
    {
      "if" = if definition.condition then inner else [ ];
      merge = concatMap values definition.content;
      # A value that is overridden is never looked at.
      override = [
        {
          value = definition.content;
          inherit (definition) priority;
          order = 1000;
        }
      ];
      order = map (it: it // { inherit (definition) order; }) inner;
    }
    .${if isAttrs definition then definition._type or "" else ""} or [
      {
        value = definition;
        priority = 100;
        order = 1000;
      }
    ];

  merged =
    path: type: definitions:
    let
      found = concatMap values definitions;
      best = foldl' (least: it: if it.priority < least then it.priority else least) 9999 found;
      heeded = builtins.sort (a: b: a.order < b.order) (filter (it: it.priority == best) found);
      wrong = filter (it: !type.check it.value) heeded;
    in
    if wrong != [ ] then
      throw "A definition for option `${path}' is not of type `${type.name}'"
    else
      type.merge path (map (it: it.value) heeded);

  one =
    path: found:
    if all (it: it == elemAt found 0) found then
      elemAt found 0
    else
      throw "The option `${path}' has conflicting definition values";
  atom = name: check: {
    inherit name check;
    merge = one;
  };

  types = rec {
    bool = atom "boolean" builtins.isBool;
    str = atom "string" isString;
    package = atom "package" (it: (it.type or "") == "derivation");
    ints.positive = atom "positive integer" (it: builtins.isInt it && it > 0);
    enum = known: atom "one of ${builtins.toJSON known}" (it: elem it known);
    anything = {
      name = "anything";
      check = _: true;
      merge = path: found: if all isList found then concatLists found else one path found;
    };
    lines = {
      name = "strings concatenated with \"\\n\"";
      check = isString;
      merge = _: concatStringsSep "\n";
    };
    listOf = element: {
      name = "list of ${element.name}";
      check = isList;
      merge =
        path: found: map (value: merged "${path}.[entry]" element [ value ]) (concatLists found);
    };
    attrsOf = element: {
      name = "attribute set of ${element.name}";
      check = isAttrs;
      merge =
        path: found:
        let
          byName = builtins.zipAttrsWith (_: definitions: definitions) (concatMap parts found);
          defined = filter (name: concatMap values byName.${name} != [ ]) (attrNames byName);
        in
        genAttrs defined (name: merged "${path}.${name}" element byName.${name});
    };
    submodule = module: {
      name = "submodule";
      check = isAttrs;
      merge = path: found: (evalModules { modules = [ module ] ++ map (config: { inherit config; }) found; }).config;
    };
    deferredModule = {
      name = "module";
      check = it: isAttrs it || isFunction it;
      merge = _: imports: { inherit imports; };
    };
  };

  evalModules =
    {
      modules,
      specialArgs ? { },
    }:
    let
      plain =
        module:
        if builtins.isPath module || isString module then
          plain (import module)
        else if isFunction module then
          plain (module arguments)
        else if module ? options || module ? config then
          module
        else
          {
            imports = module.imports or [ ];
            config = builtins.removeAttrs module [ "imports" ];
          };
      arguments = {
        inherit config lib options;
      }
      // specialArgs;
      gathered = concatMap (
        module:
        let
          it = plain module;
        in
        gather (it.imports or [ ]) ++ [ it ]
      );
      gather = gathered;
      every = gather modules;

      isOption = it: (it._type or "") == "option";
      joined =
        path: trees:
        builtins.zipAttrsWith (
          name: found:
          if length found == 1 then
            elemAt found 0
          else if builtins.any isOption found then
            throw "The option `${path}${name}' is already declared"
          else
            joined "${path}${name}." found
        ) trees;
      options = joined "" (map (it: it.options or { }) every);

      settled =
        path: declared: definitions:
        let
          found = concatMap parts definitions;
          unknown = filter (name: !(declared ? ${name})) (concatMap attrNames found);
        in
        if unknown != [ ] then
          throw "The option `${path}${elemAt unknown 0}' does not exist"
        else
          mapAttrs (
            name: option:
            let
              here = map (it: it.${name}) (filter (it: it ? ${name}) found);
            in
            if isOption option then
              let
                defaults = if option ? default then [ (mkOverride 1500 option.default) ] else [ ];
                made = here ++ defaults;
              in
              if concatMap values made == [ ] then
                throw "The option `${path}${name}' was accessed but has no value defined"
              else
                (option.apply or (it: it)) (merged "${path}${name}" option.type made)
            else
              settled "${path}${name}." option here
          ) declared;
      config = settled "" options (map (it: it.config or { }) every);
    in
    {
      inherit config options;
    };

  lib = {
    inherit
      concatMapStringsSep
      evalModules
      genAttrs
      hasPrefix
      mkIf
      mkMerge
      mkOrder
      types
      ;
    mkOption = option: option // { _type = "option"; };
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;

    optional = condition: it: if condition then [ it ] else [ ];
    optionalAttrs = condition: it: if condition then it else { };
    optionalString = condition: it: if condition then it else "";
    concatMapStrings = concatMapStringsSep "";
    removeSuffix =
      end: text:
      let
        left = builtins.stringLength text - builtins.stringLength end;
      in
      if left >= 0 && builtins.substring left (-1) text == end then builtins.substring 0 left text else text;
    mapAttrsToList = make: it: attrValues (mapAttrs make it);

    # As the real one: every path must be there, and only they are in the source.
    fileset = {
      unions = paths: if all builtins.pathExists paths then paths else throw "fileset.unions: a path does not exist";
      toSource =
        { root, fileset }:
        builtins.path {
          path = root;
          name = "source";
          filter =
            path: _:
            builtins.any (
              kept: toString kept == path || hasPrefix "${toString kept}/" path || hasPrefix "${path}/" (toString kept)
            ) fileset;
        };
    };
    licenses.mit.spdxId = "MIT";
    platforms.darwin = [
      "aarch64-darwin"
      "x86_64-darwin"
    ];
    platforms.linux = [
      "aarch64-linux"
      "x86_64-linux"
    ];
  };
in
lib
