namespace Kine.Backends.Identity;

/// <summary>A password that an identity service gave for a limited time.</summary>
/// <param name="Value">The secret.</param>
/// <param name="Expires">When the database no longer takes it.</param>
/// <param name="RenewFrom">From when on another one is asked for before it is used again.</param>
internal sealed record IdentityToken(string Value, DateTimeOffset Expires, DateTimeOffset RenewFrom)
{
    // A record prints all of its properties; this one is a secret.
    public override string ToString() => $"token until {Expires:O}";
}
