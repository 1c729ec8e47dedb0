import assert from 'node:assert/strict'
import { status } from '@grpc/grpc-js'
import type { ErrorCode } from '../../core/contract/words.ts'
import { factOf } from '../../core/pulls/waiting.ts'
import { containerdVersions } from '../rig/containerd.ts'
import type { BuiltImage } from '../rig/images.ts'
import { type Rig, startRig } from '../rig/rig.ts'

interface Refusal {
  readonly name: string
  readonly code: ErrorCode
  /** What goes wrong; returns the reference to pull, or how to mend what it broke. */
  readonly provoke: (rig: Rig, image: BuiltImage) => Promise<(() => unknown) | string>
}

const refusals: readonly Refusal[] = [
  {
    name: 'a tag that is not there',
    code: 'NotFound',
    provoke: async (rig, { ref }) => ref(rig.proxy.host).replace(/:[^:]+$/, ':gone'),
  },
  {
    name: 'a registry that wants to know who asks',
    code: 'Unauthorized',
    provoke: async rig => rig.proxy.answer({ status: 401 }),
  },
  { name: 'a registry that forbids it', code: 'Unauthorized', provoke: async rig => rig.proxy.answer({ status: 403 }) },
  {
    name: 'a registry that is asked too often',
    code: 'TooManyRequests',
    provoke: async rig => rig.proxy.answer({ status: 429 }),
  },
  {
    name: 'a registry that is asked too often, for a layer',
    code: 'TooManyRequests',
    provoke: async rig => rig.proxy.answer({ status: 429, when: 'blob' }),
  },
  {
    name: 'a registry that refuses connections',
    code: 'ConnectionRefused',
    provoke: async rig => {
      await rig.proxy.refuse()
      return () => rig.proxy.accept()
    },
  },
  {
    name: 'a layer that is another one',
    code: 'DigestMismatch',
    provoke: async (rig, { layers }) => {
      rig.proxy.blob(layers[0]!.digest).corrupt({ times: 1000 })
      return () => {}
    },
  },
]

/** The texts change from version to version: each is asked. The kubelet's frame around them is its own format. */
for (const version of containerdVersions) {
  describe(`why containerd ${version} says that a pull failed`, function () {
    this.timeout(120_000)
    let rig: Rig
    before(async () => {
      rig = await startRig({ version })
    })
    after(() => rig.stop())

    for (const [index, { name, code, provoke }] of refusals.entries()) {
      it(`is ${code} for ${name}`, async () => {
        const image = await rig.push({
          name: `reasons-${index}`,
          tag: 'v1',
          layers: [{ seed: `${version}-${index}`, bytes: 50_000 }],
        })
        const provoked = await provoke(rig, image)
        const ref = typeof provoked === 'string' ? provoked : image.ref(rig.proxy.host)
        const failure = await rig.containerd.cri.pull(ref).then(
          () => undefined,
          error => error as { code: number; details: string },
        )
        if (typeof provoked === 'function') await provoked()
        assert.ok(failure, 'the pull fails')
        const text = `Failed to pull image "${ref}": rpc error: code = ${status[failure.code]} desc = ${failure.details}`
        const fact = factOf('Failed', text, 0)
        assert.ok(fact?.kind === 'failure')
        assert.equal(fact.reason.code, code, failure.details)
        assert.equal(fact.reason.message, failure.details.slice(0, 2048))
      })
    }
  })
}
