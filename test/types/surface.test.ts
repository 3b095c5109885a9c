import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as faust from 'faust-ts'
import * as cli from 'faust-ts/cli'
import * as embedded from 'faust-ts/embedded'
import * as kafka from 'faust-ts/kafka'
import * as testing from 'faust-ts/testing'
import * as transport from 'faust-ts/transport'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { isTest, parse, readTree } from '../../scripts/source-tree.js'
import { root } from './compile.js'

// The public surface is what somebody has decided: a new name is added here too, with its reason in the change.

test('faust-ts has these names at run time, and at most forty besides the errors', () => {
  const names = Object.keys(faust).filter(name => !name.endsWith('Error'))
  expect(names.sort()).toEqual([
    'App',
    'argument',
    'crash',
    'crashing',
    // For the command line, which makes the worker's log, and for whoever embeds one.
    'createLogger',
    'deadLetter',
    'flag',
    'forfeitOneForAll',
    'forfeitOneForOne',
    'gzip',
    'json',
    'msgpack',
    'oneForAll',
    'oneForOne',
    'option',
    'pythonFaust',
    'raw',
    'retry',
    'skip',
    'text',
    'unchecked',
  ])
  expect(names.length).toBeLessThanOrEqual(40)
})

/** Listed in errors.ts since the design has them; what throws them comes later. */
const unbuilt = ['TableWriteError', 'PartitionNotOwnedError', 'StoreError', 'RecoveryError']

test('faust-ts has every error but those of what is not built', () => {
  const classes = [...readFileSync(join(root, 'src/errors.ts'), 'utf8').matchAll(/^export (?:abstract )?class (\w+)/gm)]
  const names = classes.map(([, name]) => name ?? '').filter(name => !unbuilt.includes(name))
  expect(
    Object.keys(faust)
      .filter(name => name.endsWith('Error'))
      .sort(),
  ).toEqual(names.sort())
})

test('whoever throws an error that is not exported has to export it first', () => {
  const sources = [...readTree('src')].filter(([path]) => !isTest(path) && path !== 'src/errors.ts')
  const users = sources.filter(([, text]) => unbuilt.some(name => text.includes(name)))
  expect(users.map(([path]) => path)).toEqual([])
})

test('the subpaths have these names', () => {
  expect(Object.keys(testing).sort()).toEqual(['describeTransport', 'testWorker', 'virtualClock'])
  expect(Object.keys(transport)).toEqual([])
  expect(Object.keys(cli)).toEqual(['run'])
  expect(Object.keys(embedded)).toEqual(['embedded'])
  expect(Object.keys(kafka)).toEqual(['kafka'])
})

test('faust-ts has these types', () => {
  expect(entryPoint('index.ts').types.sort()).toEqual([
    'Agent',
    'AgentDescription',
    'AgentFor',
    'AppOptions',
    'Argument',
    'ArgumentDescription',
    'AskOptions',
    'Channel',
    'Codec',
    'CommandDescription',
    'DecodePolicy',
    'Delivery',
    'Description',
    'Destination',
    'Duration',
    'ErrorPolicy',
    'Event',
    'Input',
    'JsonImage',
    'KeyInput',
    'LogLevel',
    'Logger',
    'Output',
    'Placement',
    'RawKey',
    'RestartLimits',
    'RoundTrips',
    'Running',
    'Schema',
    'SendOptions',
    'SilentAgent',
    'Sink',
    'Stream',
    'Supervision',
    'Topic',
    'TopicOptions',
    'Transport',
    'World',
  ])
})

test('faust-ts/kafka and faust-ts/embedded have these types', () => {
  expect(typesOf('kafka/kafka.ts')).toEqual(['KafkaOptions', 'Sasl', 'TlsOptions'])
  expect(typesOf('embedded/embedded.ts')).toEqual(['EmbeddedOptions'])
})

/** Re-exported or declared there. */
function typesOf(path: string): string[] {
  const { types, declarations } = entryPoint(path)
  const declared = declarations.map(({ name }) => name).filter(name => /^[A-Z]/.test(name))
  return [...new Set([...types, ...declared])].sort()
}

test.each(['index.ts', 'testing/testing.ts', 'transport/transport.ts', 'embedded/embedded.ts', 'kafka/kafka.ts', 'cli/cli.ts'])(
  '%s: whatever it exports says what it is',
  path => {
    const undocumented = entryPoint(path).declarations.filter(({ isDocumented }) => !isDocumented)
    expect(undocumented.map(({ name }) => name)).toEqual([])
  },
)

interface Exported {
  readonly name: string
  readonly isDocumented: boolean
}

interface EntryPoint {
  readonly types: string[]
  readonly declarations: Exported[]
}

/** What an entry file re-exports or declares, with the place where each name is declared. */
function entryPoint(path: string): EntryPoint {
  const file = join(root, 'src', path)
  const source = parse(file, readFileSync(file, 'utf8'))
  const types: string[] = []
  const declarations: Exported[] = []
  for (const node of source.statements) {
    if (!ts.isExportDeclaration(node) || node.exportClause === undefined || !ts.isNamedExports(node.exportClause)) continue
    const from = join(dirname(file), (node.moduleSpecifier as ts.StringLiteral).text.replace(/\.js$/, '.ts'))
    const declared = declarationsIn(from)
    for (const { name, isTypeOnly } of node.exportClause.elements) {
      if (node.isTypeOnly || isTypeOnly) types.push(name.text)
      declarations.push({ name: name.text, isDocumented: declared.get(name.text) ?? false })
    }
  }
  for (const [name, isDocumented] of declarationsIn(file)) declarations.push({ name, isDocumented })
  return { types, declarations }
}

/** The names that a file declares and exports, and whether they have a docstring. */
function declarationsIn(file: string): Map<string, boolean> {
  const found = new Map<string, boolean>()
  for (const node of parse(file, readFileSync(file, 'utf8')).statements) {
    if (!ts.canHaveModifiers(node) || !ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue
    const isDocumented = ts.getJSDocCommentsAndTags(node).length > 0
    const names = ts.isVariableStatement(node)
      ? node.declarationList.declarations.map(({ name }) => name)
      : [(node as ts.ClassDeclaration).name]
    for (const name of names) if (name !== undefined && ts.isIdentifier(name)) found.set(name.text, isDocumented)
  }
  return found
}
