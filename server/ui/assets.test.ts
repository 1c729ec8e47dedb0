import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { Assets, sharedModules, sharedStyles } from './assets.ts'

describe('Assets', () => {
  const assets = Assets.open({ modules: sharedModules, styles: sharedStyles })

  it('serves a module and all that it imports, without types', () => {
    const url = assets.urlOf('page')
    assert.match(url, /^\/assets\/[\w-]{16}\/server\/ui\/browser\/page\.entry\.ts$/)
    const { type, body, gzipped } = assets.get(url)!
    assert.equal(type, 'text/javascript; charset=utf-8')
    assert.deepEqual(gunzipSync(gzipped), body)
    const [, specifier] = /from '(.+)'/.exec(body.toString())!
    const imported = new URL(specifier!, `http://host${url}`).pathname
    assert.doesNotMatch(assets.get(imported)!.body.toString(), /: HTMLTimeElement/)
  })

  it('joins the styles in their order, under a name that changes with them', () => {
    const other = Assets.open({ modules: {}, styles: sharedStyles.slice(1) })
    assert.notEqual(other.urlOf('pages.css'), assets.urlOf('pages.css'))
    const text = assets.get(assets.urlOf('pages.css'))!.body.toString()
    assert.ok(text.indexOf('--paper:') < text.indexOf('.skip'))
  })

  it('has nothing else', () => {
    assert.throws(() => assets.urlOf('nobody'), /no asset 'nobody'/)
    assert.equal(assets.get('/assets/../../package.json'), undefined)
  })
})
