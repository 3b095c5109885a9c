import { realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { readPrograms, root } from './compile.js'

// What an editor shows, asked of the language service as an editor asks. It is that of TypeScript 6: the programs compile there too.

const folder = join(root, 'test/types/programs')
const files = Object.keys(readPrograms('programs')).map(name => join(folder, name))
const service = languageService()

/** Names of our own that only the inside of the library uses. */
const inside = /\b(EventStream|App(Topic|Channel|Agent)|SentMessage|Home|Host|Runtime|Validator|#\w+)\b/

interface Hover {
  /** `file.name`. */
  readonly name: string
  readonly text: string
  readonly isDeclaration: boolean
}

const hovers = files.flatMap(hoversIn)
const shown = (name: string): string => hovers.find(hover => hover.isDeclaration && hover.name === name)?.text ?? `no ${name}`

test('the programs compile with TypeScript 6 as well', () => {
  const problems = files.flatMap(file => [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)])
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
})

describe('what is shown of a name is what the design writes behind it', () => {
  const add = '{ a: number; b: number; }'
  test.each([
    ['topics.additions', `const additions: Topic<${add}, RawKey | null>`],
    ['topics.transfers', `const transfers: Topic<${add}, string>`],
    ['topics.untyped', 'const untyped: Topic<unknown, RawKey | null>'],
    ['topics.local', `const local: Channel<${add}, RawKey | null>`],
    ['topics.unawaited', 'const unawaited: Delivery<Placement>'],
    ['topics.placement', 'const placement: Placement'],
    ['agents.adding', `const adding: Agent<${add}, number, RawKey | null, number>`],
    ['agents.imports', `const imports: SilentAgent<${add}, RawKey | null>`],
    ['agents.answer', 'const answer: number'],
    ['agents.mapped', 'const mapped: AsyncIterable<number>'],
    ['streams.circles', 'const circles: Stream<{ kind: "circle"; radius: number; }, string>'],
    ['around.running', 'const running: Running'],
  ])('%s', (name, text) => {
    expect(shown(name)).toBe(text)
  })
})

test('no name shows more than two lines of an editor', () => {
  const long = hovers.filter(({ isDeclaration, name, text }) => isDeclaration && !name.startsWith('models.') && text.length > 200)
  expect(long).toEqual([])
})

test('no class of the inside of the library is shown anywhere', () => {
  expect(hovers.length).toBeGreaterThan(300)
  expect(hovers.filter(({ text }) => inside.test(text))).toEqual([])
})

test('whatever is called of the library says what it does', () => {
  const own =
    /^\((?:method|property)\) (App|Agent|SilentAgent|Stream|Channel|Topic|Event|Running|TestWorker)[.<]|^\(alias\) (new|function|\w+\()/
  const calls = files.flatMap(callsIn).map(info => ({
    text: oneLine(ts.displayPartsToString(info.displayParts)),
    words: ts.displayPartsToString(info.documentation),
  }))
  const ofTheLibrary = calls.filter(({ text }) => own.test(text))
  expect(ofTheLibrary.length).toBeGreaterThan(100)
  expect(ofTheLibrary.filter(({ words }) => words === '')).toEqual([])
})

function languageService(): ts.LanguageService {
  const readFile = (path: string): string | undefined => ts.sys.readFile(path)
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), readFile) as { config: object }
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files }, ts.sys, root)
  return ts.createLanguageService({
    fileExists: path => ts.sys.fileExists(path),
    readFile,
    directoryExists: path => ts.sys.directoryExists(path),
    realpath: path => realpathSync(path),
    getCompilationSettings: () => options,
    getScriptFileNames: () => files,
    getScriptVersion: () => '1',
    getScriptSnapshot: path => {
      const text = readFile(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
  })
}

function hoversIn(file: string): Hover[] {
  return identifiersIn(file).map(identifier => ({
    name: `${basename(file, '.ts')}.${identifier.text}`,
    text: oneLine(ts.displayPartsToString(service.getQuickInfoAtPosition(file, identifier.getStart())?.displayParts)),
    isDeclaration: isDeclared(identifier),
  }))
}

function callsIn(file: string): ts.QuickInfo[] {
  return identifiersIn(file).flatMap(identifier => {
    const callee = ts.isPropertyAccessExpression(identifier.parent) ? identifier.parent : identifier
    const isCall = ts.isCallExpression(callee.parent) && callee.parent.expression === callee
    const isOwn = callee === identifier || (callee as ts.PropertyAccessExpression).name === identifier
    const info = isCall && isOwn ? service.getQuickInfoAtPosition(file, identifier.getStart()) : undefined
    return info === undefined ? [] : [info]
  })
}

function identifiersIn(file: string): ts.Identifier[] {
  const found: ts.Identifier[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) found.push(node)
    ts.forEachChild(node, visit)
  }
  visit(service.getProgram()!.getSourceFile(file)!)
  return found
}

/** A variable or parameter of the program's own, schemas of a library apart. */
function isDeclared(identifier: ts.Identifier): boolean {
  const { parent } = identifier
  if (ts.isParameter(parent)) return parent.name === identifier
  if (!ts.isVariableDeclaration(parent) || parent.name !== identifier) return false
  return !/^(z|v|type|\{)\b/.test(parent.initializer?.getText() ?? '')
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
