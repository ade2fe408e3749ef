/** The variable that marks every process of an attempt: `<cluster>.<worker>.<attempt uid>`. */
export const MARKER = "IRIS_UID";
