import type { ErrorCode } from '../contract/words.ts'

/** Why a pull failed, in the words of the runtime as the kubelet passes them on. */
export interface Reason {
  readonly code: ErrorCode
  readonly message: string
  /** From the kubelet's back-off: it may be shortened, and never stands against the runtime's own words. */
  readonly general: boolean
}

/** Longer texts are cut: an event holds at most 1024 characters, a container's status more. */
const maxMessage = 2048
/**
 * Whoever may write events writes as much as an object holds, over a megabyte: no more is looked at than kubelets and
 * runtimes say, as the patterns below take the square of it at worst.
 */
const maxRead = 4096

/**
 * The first that matches names the code: what a registry or a network said comes before what was done with it,
 * as every text of containerd begins with "failed to pull and unpack image". Seen on containerd 1.6.20 and 2.4.2.
 */
const codes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/no space left on device|disk quota exceeded/i, 'NoSpace'],
  [/toomanyrequests|too many requests|\b429\b.*(?:status|too many)|status code \S* ?429/i, 'TooManyRequests'],
  [/no such host|server misbehaving|name resolution|\blookup [^\s]+(?: on [^\s]+)?:/i, 'DnsError'],
  [/tls handshake timeout/i, 'Timeout'],
  [
    /x509:|certificate|\btls: |server gave HTTP response to HTTPS client|first record does not look like a TLS/i,
    'TlsError',
  ],
  [/connection refused/i, 'ConnectionRefused'],
  [/no progress|progress timeout/i, 'ProgressTimeout'],
  [/unexpected commit digest|digest mismatch|failed size validation|unexpected commit size/i, 'DigestMismatch'],
  [
    /\b401\b|\b403\b|unauthorized|forbidden|authorization failed|authentication required|pull access denied|insufficient_scope|no basic auth/i,
    'Unauthorized',
  ],
  [
    /failed to extract layer|failed to unpack|failed to prepare extraction|apply layer|unpigz|archive\/tar|gzip: /i,
    'UnpackFailed',
  ],
  [/i\/o timeout|deadline exceeded|timeout exceeded|timed out|request canceled while waiting/i, 'Timeout'],
  [/context canceled|code = Canceled/i, 'Cancelled'],
  [/manifest unknown|name unknown|no match for platform|\b404\b|not found|does not exist/i, 'NotFound'],
]

export function errorCodeOf(text: string): ErrorCode {
  const words = wordsOf(text.slice(0, maxRead))
  for (const [pattern, code] of codes) if (pattern.test(words)) return code
  return 'Unknown'
}

/** Without names and addresses, which people choose: an image may be called `timeout:429`. */
function wordsOf(text: string): string {
  const quoted = [...text.matchAll(/"([^"\s]+)"/g)].map(match => match[1]!)
  const names = new Set(quoted.filter(name => /[^"\s][/:][^"\s]/.test(name)))
  let words = text.replace(/"[^"\s]+"/g, ' ').replace(/https?:\/\/\S+/g, match => (match.endsWith(':') ? ':' : ' '))
  for (const name of names) words = words.replaceAll(name, ' ')
  return words
}

/** The runtime's words without the frames that the kubelet and gRPC put around them; undefined when none are left. */
export function reasonOf(given: string, general: boolean): Reason | undefined {
  const text = cut(given)
  const bare = text
    .replace(/^\(combined from similar events\): /, '')
    .replace(/^Failed to pull image "[^"]*": /, '')
    .replace(/^(?:ErrImagePull|RegistryUnavailable|SignatureValidationFailed): /, '')
    .replace(/^rpc error: code = \w+ desc = /, '')
    .trim()
  if (bare === '') return undefined
  return { code: errorCodeOf(text), message: bare.slice(0, maxMessage), general }
}

/** A copy, as V8 keeps all of a text for a slice of it. */
const cut = (text: string) => (text.length <= maxRead ? text : Buffer.from(text.slice(0, maxRead)).toString())

/** Whether `now` says more than `before`: the runtime's words over back-off's, a code that is one over `Unknown`. */
export function saysMore(now: Reason, before: Reason | undefined): boolean {
  return before === undefined || weight(now) > weight(before)
}

const weight = ({ code, general }: Reason) => (code === 'Unknown' ? 0 : 2) + (general ? 0 : 1)
