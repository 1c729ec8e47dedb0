import { readFile } from 'node:fs/promises'
import { Code, PulltraceError } from '../core/lib/errors.ts'
import { Secret } from '../core/lib/secret.ts'
import { type Env, loadSettings, optionalText, url } from '../core/lib/settings.ts'

/** Settings of `watch`, `history` and `why`; each has an option that wins over it. */
export const clientSettings = {
  server: url(
    'PULLTRACE_SERVER_URL',
    'http://127.0.0.1:8080',
    'Address of the server; where it is not set, `kubectl pulltrace` goes through the cluster. Option: --server.',
  ),
  token: optionalText('PULLTRACE_READER_TOKEN', '', 'Token that proves who reads. Better from a file.'),
  tokenFile: optionalText('PULLTRACE_READER_TOKEN_FILE', '', 'File with that token. Option: --token-file.'),
  caFile: optionalText('PULLTRACE_CA_FILE', '', "Certificates (PEM) of the issuer of the server's. Option: --ca-file."),
}

export interface ClientOptions {
  readonly server?: string
  readonly tokenFile?: string
  readonly caFile?: string
}

export interface ClientConfig {
  readonly server: URL
  readonly caFile: string | undefined
  /** Reads the file again at each call: tokens are renewed on disk. */
  readonly token: () => Promise<Secret | undefined>
}

export function loadClientConfig(env: Env, options: ClientOptions): ClientConfig {
  const { server, token, tokenFile, caFile } = loadSettings('pulltrace', clientSettings, {
    ...env,
    ...(options.server !== undefined && { PULLTRACE_SERVER_URL: options.server }),
    ...(options.tokenFile !== undefined && { PULLTRACE_READER_TOKEN_FILE: options.tokenFile }),
    ...(options.caFile !== undefined && { PULLTRACE_CA_FILE: options.caFile }),
  })
  return {
    server,
    caFile,
    token: async () => {
      if (tokenFile !== undefined)
        return secretOf(await readText('the token', tokenFile), `the token in '${tokenFile}'`)
      return token === undefined ? undefined : secretOf(token, 'PULLTRACE_READER_TOKEN')
    },
  }
}

/** Checked here: what cannot stand in a header is quoted, whole, in the error of `fetch`. */
function secretOf(text: string, name: string): Secret {
  const token = text.trim()
  if (/^[!-~]+$/.test(token)) return new Secret(token)
  throw new PulltraceError(Code.Invalid, `${name} must be one line of visible ASCII characters`, {
    fix: 'write the token of the server, and nothing else, into it',
  })
}

const whyNot: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
}

/** A file that the user named; `what` it is for is in the message. */
export async function readText(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    throw new PulltraceError(Code.Invalid, `cannot read ${what} from '${path}': ${whyNot[code] ?? message}`, { cause })
  }
}
