/** What is said when a member of a known root is missing; NAME stands for it. */
export const variables = 'Declare it: variable "NAME" { … }.';
export const locals = "Declare it: locals { NAME = … }.";
