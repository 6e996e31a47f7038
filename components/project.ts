import { join } from "path";

// The built program lies in build/, as deep as this file.
const top = join(__dirname, "..");

/** What is rendered, and what runs on hosts. */
export const templates = join(top, "templates");

/** The sources of this program, also of one that is built. */
export const components = join(top, "components");
