namespace Kine.Tests.Chaos;

/// <summary>Something that must not be in a history.</summary>
internal sealed record Violation(Fault Fault, string Text)
{
    public override string ToString() => $"{Fault}: {Text}";
}
