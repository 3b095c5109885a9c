// The house rules that the linter has no words for. Each message says why.
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { isTest, lineOf, parse, readTree, report, walk, type SourceTree } from './source-tree.js'

const bannedWords = /^(manager|helper|util|utility|common|misc|data|info)(s|ies)?$/i
const builtinErrors = ['Error', 'TypeError', 'RangeError', 'SyntaxError']
const mocks = ['mock', 'doMock', 'hoisted', 'fn', 'spyOn']
const timers = ['setTimeout', 'setInterval', 'setImmediate']
const commentLimit = 0.2

/** Every breach of the house rules in `tree`. */
export function checkStyle(tree: SourceTree): string[] {
  const problems: string[] = []
  for (const [path, text] of tree) {
    const file = parse(path, text)
    problems.push(...checkFileName(path), ...checkSuppressions(path, text))
    walk(file, node => {
      const problem = checkNode(node, path)
      if (problem !== undefined) problems.push(`${path}:${lineOf(node, file)} ${problem}`)
    })
  }
  return [...problems, ...checkComments(tree)]
}

function checkNode(node: ts.Node, path: string): string | undefined {
  const inSource = path.startsWith('src/')
  if (ts.isClassLike(node)) return checkClassName(node.name?.text)
  if (inSource && isTest(path)) return checkTestNode(node, path)
  if (inSource && (ts.isNewExpression(node) || ts.isCallExpression(node))) return checkCreation(node, path)
  return undefined
}

function checkFileName(path: string): string[] {
  const bad = path.split(/[/.-]/).find(word => bannedWords.test(word))
  return bad === undefined ? [] : [`${path}: "${bad}" says nothing about what is inside. Name the file after the thing it has.`]
}

function checkClassName(name: string | undefined): string | undefined {
  const bad = name?.split(/(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).find(word => bannedWords.test(word))
  return bad === undefined ? undefined : `class ${name}: "${bad}" says nothing about what it does. Name it after its one job.`
}

function checkCreation(node: ts.NewExpression | ts.CallExpression, path: string): string | undefined {
  if (!ts.isIdentifier(node.expression)) return undefined
  const name = node.expression.text
  if (builtinErrors.includes(name)) {
    return `creates a bare ${name}: use a class of errors.ts, so that users can tell errors apart by class and code.`
  }
  if (name === 'Date' && (node.arguments?.length ?? 0) === 0 && path !== 'src/lib/clock.ts') {
    return 'reads the time of day: only lib/clock.ts does. Take a Clock, so that tests decide what time it is.'
  }
  return undefined
}

function checkTestNode(node: ts.Node, path: string): string | undefined {
  if (path === 'src/lib/clock.test.ts') return undefined
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'vi') {
    if (!mocks.includes(node.name.text)) return undefined
    return `vi.${node.name.text}: no mocks in unit tests. Pass in the real thing, a small value of your own, or a function that collects into an array.`
  }
  const called = ts.isCallExpression(node) && ts.isIdentifier(node.expression) ? node.expression.text : undefined
  const imported =
    ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : undefined
  if ((called !== undefined && timers.includes(called)) || /^(node:)?timers(\/promises)?$/.test(imported ?? '')) {
    return `${called ?? imported}: no sleeps in unit tests. Await what resolves when everything is settled, or advance the virtual clock.`
  }
  return undefined
}

function checkSuppressions(path: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const bare = /(?<!['"`])(?:\/\/|\/\*)\s*(?:ox|es)lint-disable(?!.*\s--\s+\S)/.test(line)
    return bare ? [`${path}:${index + 1} silences a rule without a reason: end the comment with "-- why".`] : []
  })
}

function checkComments(tree: SourceTree): string[] {
  let comments = 0
  let lines = 0
  for (const [path, text] of tree) {
    if (!path.startsWith('src/') || isTest(path)) continue
    comments += commentLines(text)
    lines += text.split('\n').filter(line => line.trim() !== '').length
  }
  if (comments <= lines * commentLimit) return []
  const share = ((100 * comments) / lines).toFixed(1)
  return [
    `src: ${share} % of its lines are comments, the limit is ${100 * commentLimit} %. Keep the whys; let names say the rest.`,
  ]
}

/** Lines that hold nothing but a comment or a part of one. */
export function commentLines(text: string): number {
  const file = parse('x.ts', text)
  const code = new Set<number>()
  const lineAt = (position: number): number => file.getLineAndCharacterOfPosition(position).line
  const markTokens = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) return
    const children = node.getChildren(file)
    if (children.length === 0 && node.getWidth(file) > 0) {
      for (let line = lineAt(node.getStart(file)); line <= lineAt(node.end); line++) code.add(line)
    }
    children.forEach(markTokens)
  }
  markTokens(file)
  return text.split('\n').filter((line, index) => line.trim() !== '' && !code.has(index)).length
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  report('style', checkStyle(readTree('src', 'test', 'scripts', 'bench', 'examples')))
}
