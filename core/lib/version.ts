/** Of the package; a test holds it to package.json, which is not there in a bundle. */
export const version = '0.1.0'
