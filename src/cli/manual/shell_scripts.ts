/**
 * What a shell needs to complete `iris`: a function that asks the program itself, which knows its
 * declarations. A line of its answer is a word, or a word with a tab and what it means; `:files` and
 * `:dirs` leave it to the shell. Pure.
 */

/** Shells that are known. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
/** One of them. */
export type Shell = typeof SHELLS[number];

// Bash breaks words at "=" and ":" as well, which the program puts together again.
const BASH = `# bash completion of iris; add to ~/.bashrc:  source <(iris completions bash)
_iris() {
  local line word cur=\${COMP_WORDS[COMP_CWORD]}
  [[ $cur == = || $cur == : ]] && cur=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
      :dirs)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
      *)
        word=\${line%%$'\\t'*}
        [[ $word == *= ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("$word")
        ;;
    esac
  done < <("\${COMP_WORDS[0]}" __complete bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _iris iris
`;

const ZSH = `#compdef iris
# zsh completion of iris; as _iris in a folder of $fpath, or:  source <(iris completions zsh)
_iris() {
  local line word
  local -a lines described
  lines=("\${(@f)$("$words[1]" __complete zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    case $line in
      :files) compset -P '--[^=]#='; _files; return ;;
      :dirs) compset -P '--[^=]#='; _files -/; return ;;
      *$'\\t'*)
        word=\${line%%$'\\t'*}
        described+=("\${word//:/\\\\:}:\${line#*$'\\t'}")
        ;;
      ?*) described+=("\${line//:/\\\\:}") ;;
    esac
  done
  (( $#described )) && _describe -V iris described
}
if [ "$funcstack[1]" = _iris ]; then
  _iris "$@"
else
  compdef _iris iris
fi
`;

const FISH = `# fish completion of iris; as iris.fish in ~/.config/fish/completions, or:
#   iris completions fish | source
function __iris_complete
  set -l before (commandline -opc)
  set -l typed (commandline -ct)
  for line in ($before[1] __complete fish -- $before[2..] "$typed" 2>/dev/null)
    switch $line
      case :files :dirs
        set -l flag (string match -r -- '^--[^=]+=' $typed)
        for path in (__fish_complete_path (string replace -r -- '^--[^=]+=' '' "$typed"))
          if test $line = :files; or string match -qr '/(\\t|$)' -- $path
            echo "$flag$path"
          end
        end
      case '*'
        echo $line
    end
  end
end
complete -c iris -f -a '(__iris_complete)'
`;

/** The script of a shell. */
export function completionScript(shell: Shell): string {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell];
}
