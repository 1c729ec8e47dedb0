import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { maxReportBytes } from '../../core/contract/words.ts'

/** A request that must be refused, and how. `path` and `bound` are what the answer must name. */
export interface BadRequest {
  readonly kind: string
  readonly body: string | Uint8Array
  readonly headers: Record<string, string>
  readonly status: number
  readonly path?: string
}

type Json = Record<string, unknown>

const notText = fc.constantFrom<unknown>(7, true, null, {}, [], ['x'])
const notTime = fc.oneof(
  notText,
  fc.constantFrom(
    '',
    'yesterday',
    '2026-02-30T00:00:00Z',
    '2026-11-21',
    '2026-11-21T25:00:00Z',
    '2026-12-31T23:59:60Z',
  ),
  fc.string(),
)
const notBytes = fc.oneof(
  fc.constantFrom<unknown>('5', true, null, {}, [], 0.5, -0.5, 2 ** 53, 2 ** 60, 1e300, Number.NaN),
  fc.integer({ max: -1 }),
)
const notFlag = fc.constantFrom<unknown>('true', 0, 1, null, {}, [])
const notList = fc.constantFrom<unknown>(null, {}, 'x', 7, true)

/** What is wrong in which field; the path is as the answer must say it, for a report of two pulls with two layers. */
const wrongFields: readonly (readonly [path: string, wrong: fc.Arbitrary<unknown>])[] = [
  ['nodeName', fc.oneof(notText, fc.constantFrom('', '-a', 'a b', 'a\nb', '../a', 'x'.repeat(254)))],
  ['timestamp', notTime],
  ['agent', fc.constantFrom<unknown>(null, 7, 'x', [])],
  ['agent.version', fc.oneof(notText, fc.constant('x'.repeat(65)))],
  ['agent.epoch', fc.oneof(notText, fc.constantFrom('', 'short', 'x'.repeat(65)))],
  ['agent.seq', notBytes],
  ['droppedTerminal', notBytes],
  ['pulls', notList],
  ['pulls[1]', notText.filter(value => !Array.isArray(value) && (typeof value !== 'object' || value === null))],
  ['pulls[1].id', fc.oneof(notText, fc.constantFrom('', 'A'.repeat(26), 'a'.repeat(25), '1'.repeat(26)))],
  ['pulls[0].imageRef', fc.oneof(notText, fc.constantFrom('', 'x'.repeat(1025)))],
  ['pulls[1].phase', fc.oneof(notText, fc.constantFrom('', 'queued', 'done', 'DOWNLOADING'))],
  ['pulls[0].startedAt', notTime],
  ['pulls[1].totalKnown', notFlag],
  ['pulls[0].layers', notList],
  ['pulls[0].layers[1].digest', fc.oneof(notText, fc.constantFrom('', 'x'.repeat(513)))],
  ['pulls[1].layers[0].totalBytes', notBytes],
  ['pulls[0].layers[0].downloadedBytes', notBytes],
  ['pulls[1].layers[1].totalKnown', notFlag],
  ['pulls[0].layers[1].restarts', notBytes],
  ['pulls[0].layers[1].state', fc.oneof(notText, fc.constantFrom('', 'paused'))],
]
const requiredPaths = wrongFields.map(([path]) => path).filter(path => !/agent$|dropped|\]$|restarts|state/.test(path))

const json = { 'content-type': 'application/json' }
const gzip = { ...json, 'content-encoding': 'gzip' }
const refused = (
  kind: string,
  status: number,
  body: BadRequest['body'],
  headers = json,
  path?: string,
): BadRequest => ({
  kind,
  body,
  headers,
  status,
  ...(path !== undefined && { path }),
})

/** Bad requests made from a good report, which they would change the state of if they came through. */
export function badRequestFrom(good: Json): fc.Arbitrary<BadRequest> {
  const text = JSON.stringify(good)
  const [first, second] = good['pulls'] as readonly Json[]
  const layer = (first!['layers'] as readonly Json[])[0]!
  const changed = (path: string, value: unknown) => JSON.stringify(withValue(good, tokensOf(path), value))
  const packed = fc.boolean()
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc
        .tuple(
          fc.constantFrom(...wrongFields).chain(([path, wrong]) => fc.tuple(fc.constant(path), wrong)),
          packed,
        )
        .map(([[path, wrong], pack]) => {
          const body = changed(path, wrong)
          return refused('wrong', 400, pack ? gzipSync(body) : body, pack ? gzip : json, path)
        }),
    },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(...requiredPaths)
        .map(path => refused('missing', 400, changed(path, undefined), json, path)),
    },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        refused('twin pull', 400, changed('pulls[1].id', first!['id']), json, 'pulls[1].id'),
        refused(
          'twin layer',
          400,
          changed('pulls[0].layers[1].digest', layer['digest']),
          json,
          'pulls[0].layers[1].digest',
        ),
        refused(
          'too many bytes',
          400,
          changed('pulls[1].layers[1].downloadedBytes', 2 ** 50),
          json,
          'pulls[1].layers[1].downloadedBytes',
        ),
        refused('no end', 400, changed('pulls[1]', { ...second, phase: 'failed' }), json, 'pulls[1].completedAt'),
        refused(
          'infinite',
          400,
          text.replace(/"totalBytes":\d+/, '"totalBytes":1e999'),
          json,
          'pulls[0].layers[0].totalBytes',
        ),
      ),
    },
    {
      weight: 4,
      arbitrary: fc.integer({ min: 1, max: text.length - 1 }).map(at => refused('cut', 400, text.slice(0, at))),
    },
    {
      weight: 2,
      arbitrary: fc
        .string({ unit: 'binary' })
        .filter(isNoReport)
        .map(body => refused('noise', 400, body)),
    },
    { weight: 2, arbitrary: fc.jsonValue().map(value => refused('other JSON', 400, JSON.stringify(value))) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 1, max: 200_000 }).map(depth => refused('deep', 400, '[{"a":'.repeat(depth))),
    },
    {
      weight: 1,
      arbitrary: fc
        .integer({ min: 1, max: 100 })
        .map(at => refused('cut gzip', 400, gzipSync(text).subarray(0, at), gzip)),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('text/plain', 'application/xml', 'multipart/form-data', '')
        .map(type => refused('type', 415, text, { 'content-type': type }, 'content-type')),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('br', 'zstd', 'deflate', 'gzip, gzip')
        .map(encoding =>
          refused('encoding', 415, text, { ...json, 'content-encoding': encoding } as typeof json, 'content-encoding'),
        ),
    },
    { weight: 1, arbitrary: fc.constantFrom(...huge(text)) },
  )
}

/** The same few buffers each time: the generator must not be what uses the memory. */
let hugeOnce: readonly BadRequest[] | undefined
function huge(text: string): readonly BadRequest[] {
  hugeOnce ??= [
    refused('huge', 413, text.padEnd(maxReportBytes + 1)),
    refused('bomb', 413, gzipSync(Buffer.alloc(200 * 1024 * 1024)), gzip),
    refused('bomb in a string', 413, gzipSync(`{"nodeName":"${'x'.repeat(5_000_000)}"}`), gzip),
  ]
  return hugeOnce
}

const isNoReport = (body: string) => !body.trim().startsWith('{')

const tokensOf = (path: string) => path.split(/[.[\]]+/).filter(token => token !== '')

/** A copy with one value replaced; undefined takes the field away. */
function withValue(target: unknown, [token, ...rest]: readonly string[], value: unknown): unknown {
  if (token === undefined) return value
  if (Array.isArray(target))
    return target.map((item, index) => (String(index) === token ? withValue(item, rest, value) : item))
  const fields = target as Json
  return { ...fields, [token]: withValue(fields[token], rest, value) }
}
