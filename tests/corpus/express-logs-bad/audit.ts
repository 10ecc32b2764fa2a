export function audit(user: string, answer: string) {
  console.log(user);
  console.log("answered", answer);
}

export function tidy(answer: string) {
  const words = answer.split(" ");
  console.log(words);
}
