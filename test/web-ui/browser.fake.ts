export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly location: string | null
}

export type Fields = Readonly<Record<string, string>>

/** A browser without JavaScript: keeps cookies, sends forms as they stand in a page, and says where they come from. */
export class Browser {
  readonly origin: string
  readonly cookies = new Map<string, string>()

  constructor(origin: string) {
    this.origin = origin
  }

  get(path: string, headers: Fields = {}): Promise<Answer> {
    return this.send(path, { headers })
  }

  /** With the token of a form of `from`, which a person would have open. */
  async post(path: string, fields: Fields, from = '/'): Promise<Answer> {
    const csrf = await this.csrf(from)
    return this.postPlainly(path, csrf === undefined ? fields : { csrf, ...fields })
  }

  /** As given: without a token, or from elsewhere. */
  postPlainly(path: string, fields: Fields, headers: Fields = {}): Promise<Answer> {
    return this.send(path, {
      method: 'POST',
      body: new URLSearchParams(fields),
      headers: { origin: this.origin, accept: 'text/html', ...headers },
    })
  }

  async csrf(from = '/'): Promise<string | undefined> {
    return /name="csrf" value="([^"]+)"/.exec((await this.get(from)).text)?.[1]
  }

  signIn(name: string, password: string, more: Fields = {}): Promise<Answer> {
    return this.postPlainly('/sign-in', { name, password, ...more })
  }

  async send(path: string, init: RequestInit = {}): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(`${this.origin}${path}`, {
      ...init,
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie !== '' && { cookie }), ...(init.headers as Fields) },
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!
      if (/max-age=0/i.test(line)) this.cookies.delete(name!)
      else this.cookies.set(name!, value!)
    }
    const { status, headers } = response
    return { status, headers, text: await response.text(), location: headers.get('location') }
  }
}
