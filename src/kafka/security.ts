/** How to log in. A token function is called for each connection; what it throws makes the connection fail, and be tried again. */
export type Sasl =
  | { readonly mechanism: PasswordMechanism; readonly username: string; readonly password: string }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: string | (() => string | Promise<string>) }

type PasswordMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

/** What to trust and whom to be on a TLS connection; certificates and keys are PEM. */
export interface TlsOptions {
  /** Authorities to trust instead of those that Node knows. */
  readonly ca?: string | Uint8Array
  /** The client's own certificate, where brokers ask for one; together with `key`. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** Opens an encrypted `key`. */
  readonly passphrase?: string
  /** The name that the brokers' certificates are for; the host connected to unless set. */
  readonly serverName?: string
}

/** How a connection is protected; `null` is not at all. */
export interface Security {
  readonly tls: TlsOptions | null
  readonly sasl: Sasl | null
}

/** `text` without what nobody may read. */
export function redacted(text: string, { tls, sasl }: Security): string {
  const secrets = [
    tls?.passphrase,
    sasl && 'password' in sasl ? sasl.password : undefined,
    sasl && 'token' in sasl && typeof sasl.token === 'string' ? sasl.token : undefined,
  ]
  return secrets.reduce<string>((clean, secret) => (secret ? clean.replaceAll(secret, '***') : clean), text)
}
