/** What the metadata are about; each entry is filed under one of these and the names that belong to it. */
export type Kind = 'broker' | 'topic' | 'log' | 'transactions' | 'group' | 'offset' | 'producer' | 'writer'

/** A key that people can read: `offset/billing/orders/3`. Names keep what they are made of, slashes too. */
export function keyOf(kind: Kind, ...names: readonly (string | number)[]): string {
  return [kind, ...names.map(name => String(name).replace(/[%/]/g, escaped))].join('/')
}

/** The names that a key was made of. */
export function namesIn(key: string): string[] {
  return key
    .split('/')
    .slice(1)
    .map(name => name.replace(/%2F/g, '/').replace(/%25/g, '%'))
}

/** All keys of a kind. */
export function rangeOf(kind: Kind): { readonly gte: string; readonly lt: string } {
  return { gte: `${kind}/`, lt: `${kind}0` }
}

function escaped(character: string): string {
  return character === '/' ? '%2F' : '%25'
}
