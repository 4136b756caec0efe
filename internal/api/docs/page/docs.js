"use strict";

// The page over Swagger UI: it shows the contracts that the server names, and
// signs itself in with the tokens that signUp, logIn and refreshSession return.
(() => {
  const root = document.getElementById("swagger-ui");
  const contracts = JSON.parse(root.dataset.contracts);
  const several = contracts.length > 1;
  let token; // of whoever signed in last: it is good for every version

  const ui = SwaggerUIBundle({
    ...(several ? { urls: contracts } : { url: contracts[0].url }),
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [() => ({ components: { Logo: () => null } })], // its inline style is against our policy
    layout: several ? "StandaloneLayout" : "BaseLayout", // the former has the selector
    validatorUrl: null, // the badge would ask another host
    persistAuthorization: false, // it would keep tokens in localStorage
    deepLinking: true,
    filter: true,
    tryItOutEnabled: true,
    displayOperationId: true,
    displayRequestDuration: true,
    showExtensions: true,
    showCommonExtensions: true,
    requestSnippetsEnabled: true,
    defaultModelsExpandDepth: 0,
    requestInterceptor: withFreshKey,
    responseInterceptor: takeToken,
    onComplete: signIn, // another contract was loaded, which signed the page out
  });

  function securitySchemes() {
    const schemes = ui.specSelectors.specJson().getIn(["components", "securitySchemes"]);
    return schemes ? schemes.entrySeq().toArray() : [];
  }

  // Takes the access token of a response.
  function takeToken(response) {
    const body = response.ok && response.obj;
    const given = body && (body.tokens ?? body).access_token;
    if (typeof given === "string") {
      token = given;
      signIn();
    }
    return response;
  }

  // Signs the page in, as if the token were pasted into the Authorize dialogue.
  function signIn() {
    if (!token) {
      return;
    }
    for (const [name, scheme] of securitySchemes()) {
      if (scheme.get("type") === "http" && scheme.get("scheme").toLowerCase() === "bearer") {
        ui.preauthorizeApiKey(name, token);
      }
    }
  }

  // Replaces the contract's example of an Idempotency-Key: every reader of this
  // page has the same one, and would get another's answer or a refusal for it.
  function withFreshKey(request) {
    const header = "Idempotency-Key";
    if (request.loadSpec || !request.headers || !request.headers[header]) {
      return request;
    }
    const parameters = ui.specSelectors.specJson().getIn(["components", "parameters"]);
    const declared = parameters && parameters.find((p) => p.get("name") === header);
    if (declared && declared.get("example") === request.headers[header]) {
      // Not randomUUID, which is missing where the page is not served by https.
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      request.headers[header] = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
    }
    return request;
  }
})();
