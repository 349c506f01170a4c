# Options as the sections of a page of Markdown.
{ lib }:
options:
let
  # A default as it would be typed.
  shown =
    value:
    if builtins.isList value && value != [ ] then
      "[ ${lib.concatMapStringsSep " " shown value} ]"
    else if builtins.isList value then
      "[ ]"
    else if builtins.isAttrs value && value != { } then
      "{ ${
        lib.concatMapStringsSep " " (name: "${name} = ${shown value.${name}};") (builtins.attrNames value)
      } }"
    else if builtins.isAttrs value then
      "{ }"
    else
      builtins.toJSON value;
  default =
    option:
    if option ? defaultText then
      option.defaultText
    else if option ? default then
      "`${shown option.default}`"
    else
      "none: it must be set";
  line = text: builtins.replaceStrings [ "\n" ] [ " " ] (lib.removeSuffix "\n" text);
  walk =
    path: at:
    lib.concatMapStrings (
      name:
      let
        option = at.${name};
        here = path ++ [ name ];
      in
      if (option._type or "") == "option" then
        ''

          ### ${builtins.concatStringsSep "." here}

          ${line option.description}

          Default: ${default option}
        ''
      else
        walk here option
    ) (builtins.attrNames at);
in
walk [ ] options
