import type { PauseState } from '../store/rules-store.ts'
import { type Role, roles, type User } from '../store/users-store.ts'
import type { Assets } from '../ui/assets.ts'
import { type Html, html } from '../ui/html.ts'
import type { Frame, NavItem } from '../ui/layout.ts'
import type { Theme } from '../ui/theme.ts'
import { timeTag } from '../ui/time.ts'

export const mayAs = (role: Role, least: Role): boolean => roles.indexOf(role) >= roles.indexOf(least)

/** Where the pages are, in the order of the navigation, and the least role that sees them. */
const pages: readonly (NavItem & { readonly role: Role })[] = [
  { href: '/', label: 'Rules', role: 'viewer' },
  { href: '/events', label: 'Events', role: 'viewer' },
  { href: '/playground', label: 'Playground', role: 'editor' },
  { href: '/keys', label: 'API keys', role: 'admin' },
  { href: '/users', label: 'Users', role: 'admin' },
  { href: '/audit', label: 'Audit', role: 'admin' },
]

export interface FrameParts {
  readonly assets: Assets
  readonly theme: Theme
  readonly here: string
  readonly version: string
  /** Of the other program's pages. */
  readonly pullsUrl: string | undefined
  /** What whoever runs this says to all. */
  readonly notice: string | undefined
  /** Undefined before sign-in. */
  readonly who: { readonly user: User; readonly csrf: Html; readonly pause: PauseState } | undefined
}

/** What stands around each page. */
export function frameOf({ assets, theme, here, version, pullsUrl, notice, who }: FrameParts): Frame {
  const usable = who !== undefined && !who.user.mustChangePassword
  const nav: NavItem[] = usable ? pages.filter(({ role }) => mayAs(who.user.role, role)) : []
  if (pullsUrl !== undefined) nav.push({ href: pullsUrl, label: 'Live pulls' })
  return {
    ...{ product: 'Pulltrace rules', nav, assets, theme, here, version: `Pulltrace ${version}` },
    account: who && account(who.user, who.csrf),
    banner: html`${notice !== undefined && html`<div class="banner">${notice}</div>`}${usable && pauseBanner(who.pause, mayAs(who.user.role, 'editor') ? who.csrf : undefined, here)}`,
  }
}

const account = ({ name, role }: User, csrf: Html) =>
  html`<a href="/password">${name}</a> <span class="soft">${role}</span>
<form method="post" action="/sign-out">${csrf}<button>Sign out</button></form>`

/** Over every page while no sensor gets a rule. */
function pauseBanner({ paused, by, why, sinceMs }: PauseState, csrf: Html | undefined, here: string): Html | undefined {
  if (!paused) return undefined
  return html`<div class="banner bad" role="status"><strong>All rules are paused.</strong>
By ${by?.replace(/^user:/, '') ?? 'somebody'}${sinceMs !== undefined && html` since ${timeTag(sinceMs)}`}${why && `: ${why}`}
${
  csrf !== undefined &&
  html`<form method="post" action="/api/admin/rules/resume">${csrf}<input type="hidden" name="back" value="${here}"><button>Resume</button></form>`
}</div>`
}
