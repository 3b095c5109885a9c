import { Argument, type Command } from 'commander'
import type { Shell } from './session.js'

/** `faust completion`: prints what a shell must read to complete. */
export function addCompletion(program: Command, shell: Shell): void {
  const name = shell.program
  const command = program
    .command('completion')
    .description('print what a shell needs to complete commands, options and values')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText(
      'after',
      `\nFor this shell:\n  bash  $ source <(${name} completion bash)\n  zsh   $ source <(${name} completion zsh)\n  fish  $ ${name} completion fish | source`,
    )
  command.action(async (kind: string) => {
    const { script } = await import('@bomb.sh/tab')
    if (kind === 'bash') shell.terminal.print(withoutBashCompletion)
    script(kind, name, name)
  })
}

/** The script below counts on a function of the package bash-completion, which not every bash has. */
const withoutBashCompletion = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
  _get_comp_words_by_ref() {
    words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=\${words[cword]}; prev=\${words[cword - 1]}
  }
fi`
