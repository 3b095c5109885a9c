// `npm run bench -- <question>`: answers one question of bench/ with the built library.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../bench/', import.meta.url))
const root = fileURLToPath(new URL('..', import.meta.url))
const questions = existsSync(folder) ? readdirSync(folder).flatMap(name => /^(.*)(?<!\.test)\.ts$/.exec(name)?.[1] ?? []) : []
const [question, ...rest] = process.argv.slice(2)

const run = (command: string, args: string[]): number => spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status ?? 1

if (question === undefined || !questions.includes(question)) {
  if (question !== undefined) console.error(`There is no bench/${question}.ts.`)
  console.error(`Usage: npm run bench -- <question>\nQuestions: ${questions.sort().join(', ') || '(none yet)'}`)
  process.exitCode = 1
} else {
  process.exitCode =
    run('npm', ['run', '--silent', 'build']) || run(process.execPath, ['--import', 'tsx', `bench/${question}.ts`, ...rest])
}
