import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Authority, KeyPair } from './certificates.ts'
import { writeKubeconfig } from './kubeconfig.ts'

/** Who may talk to an API server, and how each proves it: a kubeconfig file, and a bearer token where that is how. */
export class Users {
  readonly #dir: string
  readonly #url: string
  readonly #authority: Authority
  readonly #files = new Map<string, string>()
  readonly #tokens = new Map<string, string>()
  #made = 0

  constructor(dir: string, url: string, authority: Authority) {
    this.#dir = dir
    this.#url = url
    this.#authority = authority
  }

  kubeconfig(user: string): string {
    return this.#files.get(user) ?? unknown(`user '${user}' is unknown`, this.#files)
  }

  tokenOf(user: string): string {
    return this.#tokens.get(user) ?? unknown(`user '${user}' has no token`, this.#tokens)
  }

  /** With a token made here, or with one of a ServiceAccount. */
  async addToken(user: string, token = randomBytes(16).toString('hex')): Promise<string> {
    this.#tokens.set(user, token)
    return this.#add(user, { token })
  }

  async addCertificate(user: string, groups: readonly string[]): Promise<string> {
    this.#made += 1
    return this.#add(user, await this.#authority.user(`user-${this.#made}`, user, groups))
  }

  async #add(user: string, credentials: { readonly token: string } | KeyPair): Promise<string> {
    this.#made += 1
    const file = path.join(this.#dir, `user-${this.#made}.kubeconfig`)
    const authorityFile = this.#authority.certificateFile
    await writeKubeconfig(file, { url: this.#url, authorityFile, user: credentials })
    this.#files.set(user, file)
    return file
  }
}

function unknown(what: string, known: ReadonlyMap<string, string>): never {
  throw new Error(`${what}; known: ${[...known.keys()].join(', ')}`)
}
