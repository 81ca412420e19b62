// Passkeys: takes the server's question to the browser's authenticator, and its answer back in the form. Nothing is sent but by the form.

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("[data-passkey-start]");
  const trouble = form.querySelector("[data-passkey-error]");
  const say = (text) => {
    trouble.textContent = text;
    trouble.hidden = !text;
  };
  const making = form.dataset.passkey === "create";
  const able = window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON;
  if (!able) {
    say(trouble.dataset.textUnsupported);
    button.disabled = true;
    continue;
  }
  const answer = async () => {
    const question = JSON.parse(form.dataset.options);
    return making
      ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(question) })
      : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(question) });
  };
  button.hidden = false;
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    say("");
    button.disabled = true;
    try {
      const credential = await answer();
      form.querySelector("[name=answer]").value = JSON.stringify(credential.toJSON());
      form.submit();
    } catch (error) {
      say(
        error.name === "InvalidStateError"
          ? trouble.dataset.textAlready
          : trouble.dataset.textCanceled,
      );
      button.disabled = false;
    }
  });
}
