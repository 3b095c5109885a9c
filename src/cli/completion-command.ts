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
    script(kind, name, name)
  })
}
