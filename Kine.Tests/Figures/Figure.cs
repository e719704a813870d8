using System.Globalization;

namespace Kine.Tests.Figures;

/// <summary>One measured figure and its limit.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Value">The measured value.</param>
/// <param name="Limit">The limit, in the same unit.</param>
/// <param name="Unit">Unit of both.</param>
/// <param name="AtLeast">The value must be at least the limit; otherwise it must be at most it.</param>
/// <param name="Note">What else a reader should know, or empty.</param>
internal sealed record Figure(string Name, double Value, double Limit, string Unit, bool AtLeast = false, string Note = "")
{
    public bool Passed => AtLeast ? Value >= Limit : Value <= Limit;

    public override string ToString()
    {
        var line = string.Create(
            CultureInfo.InvariantCulture,
            $"{(Passed ? "pass" : "FAIL")}  {Name,-62} {Value,9:0.##} {Unit,-5} {(AtLeast ? "at least" : "at most ")} {Limit:0.##} {Unit}");
        return Note.Length == 0 ? line : $"{line}   ({Note})";
    }
}
