import { assetPath, serveAssets } from '../../../ui/http/assets-route.ts'
import { switchTheme } from '../../../ui/http/theme-route.ts'
import { produces, type Route } from '../app.ts'
import { readBy } from '../grants.ts'
import { type LiveParts, showLive, tellImages } from './live.ts'
import { type PastParts, showHistory, showNodes, showPull } from './past.ts'
import { type SignInParts, showSignIn, signIn, signOut } from './sign-in.ts'

export type PageParts = SignInParts & LiveParts & PastParts

/** Every path of the pages. They are no part of the API: they may change with any version. */
export function pageRoutes(parts: PageParts): readonly Route[] {
  const { frame } = parts
  const page = [produces('text/html'), frame.reader]
  return [
    { method: 'GET', path: '/', handlers: [...page, showLive(parts)] },
    { method: 'GET', path: '/pulls/:id', handlers: [...page, showPull(parts)] },
    { method: 'GET', path: '/history', handlers: [...page, showHistory(parts)] },
    { method: 'GET', path: '/nodes', handlers: [...page, showNodes(parts)] },
    { method: 'GET', path: '/pages/images', handlers: [readBy(parts.readers), tellImages(parts)] },
    { method: 'GET', path: '/sign-in', handlers: [produces('text/html'), showSignIn(parts)] },
    { method: 'POST', path: '/sign-in', handlers: [signIn(parts)] },
    { method: 'POST', path: '/sign-out', handlers: [signOut(parts)] },
    { method: 'POST', path: '/theme', handlers: [switchTheme(frame.publicUrl)] },
    { method: 'GET', path: assetPath, handlers: [serveAssets(frame.assets)] },
  ]
}
