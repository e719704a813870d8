namespace Kine.Tests.Chaos;

/// <summary>What an answer says about the keys from one up to another, without that (null = about the one key): all that are there, in order.</summary>
internal sealed record Look(string From, string? To, Pair[] Pairs)
{
    public override string ToString() =>
        $"{From}{(To is null ? "" : $" to {To}")}: [{string.Join(", ", Pairs.Take(6))}{(Pairs.Length > 6 ? $", {Pairs.Length} in all" : "")}]";

    public static bool Holds(string from, string? to, string key) =>
        to is null ? key == from : string.CompareOrdinal(key, from) >= 0 && string.CompareOrdinal(key, to) < 0;
}
