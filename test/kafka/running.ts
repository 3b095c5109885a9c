import { spawnSync } from 'node:child_process'

/** Command lines of the programs that run with `text` in them. (A dead one that nobody has looked at yet does not run.) */
export function running(text: string): string[] {
  const { stdout } = spawnSync('ps', ['-ww', '-eo', 'stat=,args='], { encoding: 'utf8' })
  return stdout.split('\n').filter(line => line.includes(text) && !line.startsWith('Z'))
}
