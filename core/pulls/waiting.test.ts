import assert from 'node:assert/strict'
import fc from 'fast-check'
import { errorCodeOf, reasonOf } from './kubelet-reason.ts'
import { attemptOf, factOf, type KubeletFact, type KubeletFacts, withFact } from './waiting.ts'

const factsOf = (facts: readonly KubeletFact[]) => facts.reduce<KubeletFacts>(withFact, {})

describe('factOf', () => {
  it('reads how long a pull waited from what the kubelet says of its time', () => {
    const text = 'Successfully pulled image "r/a:v1" in 1.2s (1m3.4s including waiting). Image size: 1000 bytes.'
    assert.deepEqual(factOf('Pulled', text, 7000), { kind: 'pulled', atMs: 7000, queuedMs: 62_200 })
  })

  for (const { name, reason, message } of [
    { name: 'an image that was there', reason: 'Pulled', message: 'Container image "a" already present on machine' },
    { name: 'a container that does not start', reason: 'Failed', message: 'Error: failed to create containerd task' },
    { name: 'a container in back-off', reason: 'BackOff', message: 'Back-off restarting failed container main in pod' },
    { name: 'another reason', reason: 'Scheduled', message: 'Failed to pull image "a": no' },
  ]) {
    it(`takes nothing from ${name}`, () => assert.equal(factOf(reason, message, 1000), undefined))
  }
})

describe('reasonOf', () => {
  it("keeps the runtime's words and leaves out what the kubelet and gRPC put around them", () => {
    const text =
      '(combined from similar events): Failed to pull image "r/a:v1": rpc error: code = NotFound desc = failed to pull and unpack image "r/a:v1": r/a:v1: not found'
    assert.deepEqual(reasonOf(text, false), {
      code: 'NotFound',
      message: 'failed to pull and unpack image "r/a:v1": r/a:v1: not found',
      general: false,
    })
  })
})

describe('errorCodeOf', () => {
  const ref = '"r.example.com/timeout/not-found:429"'
  const begin = `failed to pull and unpack image ${ref}: failed to resolve reference ${ref}: `
  for (const [text, code] of [
    [`${begin}r.example.com/timeout/not-found:429: not found`, 'NotFound'],
    [
      `${begin}unexpected status from HEAD request to https://r.example.com/v2/x/manifests/404: 429 Too Many Requests`,
      'TooManyRequests',
    ],
    [
      `${begin}failed to do request: Head "https://r/v2": dial tcp 127.0.0.1:1: connect: connection refused`,
      'ConnectionRefused',
    ],
    [
      `${begin}failed to do request: Head "https://r/v2": dial tcp: lookup r.invalid on 10.0.0.1:53: no such host`,
      'DnsError',
    ],
    [
      `${begin}failed to do request: Head "https://r/v2": tls: failed to verify certificate: x509: unknown authority`,
      'TlsError',
    ],
    [`${begin}failed to do request: Head "https://r/v2": dial tcp 10.1.1.1:443: i/o timeout`, 'Timeout'],
    [
      `${begin}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
      'Unauthorized',
    ],
    ['failed to copy: write /var/lib/containerd/x: no space left on device', 'NoSpace'],
    [
      'failed commit on ref "layer-sha256:aa": unexpected commit digest sha256:bb, expected sha256:aa: failed precondition',
      'DigestMismatch',
    ],
    [
      `failed to pull and unpack image ${ref}: failed to extract layer sha256:aa: mount callback failed`,
      'UnpackFailed',
    ],
    [`failed to pull and unpack image ${ref}: context canceled`, 'Cancelled'],
    [`failed to pull and unpack image ${ref}: something new`, 'Unknown'],
  ] as const) {
    it(`says ${code} of "… ${text.slice(-50)}"`, () => assert.equal(errorCodeOf(text), code))
  }

  // Each took minutes, in which the server did nothing else: events are anybody's text.
  for (const [name, text] of [
    ['a quote that never ends', `"${'/'.repeat(1e6)}`],
    ['many names', Array.from({ length: 1e5 }, (_, at) => `"${at}/a"`).join(' ')],
    ['many statuses', '429 '.repeat(250_000)],
  ] as const) {
    it(`reads a megabyte of ${name} as quickly as an error`, () => {
      const startMs = performance.now()
      reasonOf(text, false)
      errorCodeOf(text)
      assert.ok(performance.now() - startMs < 1000)
    })
  }
})

describe('withFact', () => {
  const reason = fc.tuple(fc.constantFrom('Unknown', 'NotFound'), fc.constantFrom('a', 'b'), fc.boolean())
  const atMs = fc.nat(9)
  const fact: fc.Arbitrary<KubeletFact> = fc.oneof(
    atMs.map(atMs => ({ kind: 'pulling' as const, atMs })),
    atMs.map(atMs => ({ kind: 'pulled' as const, atMs, queuedMs: undefined })),
    fc
      .tuple(fc.constantFrom('failure', 'backOff'), atMs, reason)
      .map(([kind, atMs, [code, message, general]]) => ({ kind, atMs, reason: { code, message, general } })),
  )

  it('comes to the same whatever the order of the events, and however often they come', () => {
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 12 }), fc.array(fc.nat(11)), (facts, swaps) => {
        const other = [...facts, ...facts.slice(0, swaps.length)]
        for (const [from, to] of swaps.entries()) {
          if (from < other.length && to < other.length) [other[from], other[to]] = [other[to]!, other[from]!]
        }
        assert.deepEqual(factsOf(other), factsOf(facts))
      }),
    )
  })
})

describe('attemptOf', () => {
  const failed = (atMs: number, code: 'NotFound' | 'Unknown') =>
    ({ kind: 'failure', atMs, reason: { code, message: code, general: false } }) as const
  const backOff = {
    kind: 'backOff',
    atMs: 9000,
    reason: { code: 'Unknown', message: 'Back-off', general: true },
  } as const

  it('is over in the second in which it began when the kubelet says so', () => {
    const attempt = attemptOf(factsOf([{ kind: 'pulling', atMs: 5000 }, failed(5000, 'NotFound')]))
    assert.deepEqual([attempt?.status, attempt?.reason?.code], ['failed', 'NotFound'])
  })

  it('is outstanding again when the kubelet tries again', () => {
    const facts = factsOf([
      { kind: 'pulling', atMs: 5000 },
      failed(6000, 'NotFound'),
      { kind: 'pulling', atMs: 16_000 },
    ])
    assert.deepEqual(attemptOf(facts), {
      startedAtMs: 16_000,
      status: 'outstanding',
      endedAtMs: undefined,
      reason: undefined,
    })
  })

  it('keeps the reason when back-off follows', () => {
    const attempt = attemptOf(factsOf([{ kind: 'pulling', atMs: 5000 }, failed(6000, 'NotFound'), backOff]))
    assert.deepEqual([attempt?.endedAtMs, attempt?.reason?.code], [6000, 'NotFound'])
  })
})
