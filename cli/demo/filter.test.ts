import assert from 'node:assert/strict'
import { compileFilters } from './filter.ts'

describe('compileFilters', () => {
  const blob = { ref: 'layer-sha256:ab', labels: { 'containerd.io/uncompressed': 'sha256:cd', team: 'shop' } }
  const fieldOf = (object: typeof blob, [field, label]: readonly string[]) =>
    field === 'labels'
      ? (object.labels as Record<string, string>)[label ?? '']
      : field === 'ref'
        ? object.ref
        : undefined

  for (const { filters, matches } of [
    { filters: [], matches: true },
    { filters: ['ref==layer-sha256:ab'], matches: true },
    { filters: ['ref=="layer-sha256:ab"'], matches: true },
    { filters: ['ref==layer'], matches: false },
    { filters: ['ref!=layer'], matches: true },
    { filters: ['ref~=^layer-'], matches: true },
    { filters: ['ref~="^manifest-"'], matches: false },
    { filters: ['labels."containerd.io/uncompressed"'], matches: true },
    { filters: ['labels."containerd.io/other"'], matches: false },
    { filters: ['labels.team==shop'], matches: true },
    { filters: ['labels.team==shop,ref==other'], matches: false },
    { filters: ['labels.team==shop, ref~=^layer'], matches: true },
    { filters: ['ref==other', 'labels.team==shop'], matches: true },
    { filters: ['unheard'], matches: false },
  ]) {
    it(`${matches ? 'takes' : 'leaves out'} a blob for ${JSON.stringify(filters)}`, () => {
      assert.equal(compileFilters(filters, fieldOf)(blob), matches)
    })
  }

  for (const filter of ['==x', 'ref=', 'ref=x', 'ref~="["']) {
    it(`refuses '${filter}'`, () => {
      assert.throws(() => compileFilters([filter], fieldOf), SyntaxError)
    })
  }
})
