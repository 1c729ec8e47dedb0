export const themes = ['auto', 'light', 'dark'] as const
/** `auto` follows the reader's system. */
export type Theme = (typeof themes)[number]

export const themeOf = (text: string | undefined): Theme => themes.find(theme => theme === text) ?? 'auto'
