package reports

// Version is the release of this client; the server sees it in the user agent.
const Version = "0.1.0"

const userAgent = "fna-reports-go/" + Version
