namespace Kine.Tests.Figures;

/// <summary>Conversions of what is measured to the units of the limits.</summary>
internal static class FigureUnits
{
    private const double BytesPerMegabyte = 1_000_000;
    private const double BytesPerMebibyte = 1_048_576;

    public static double Megabytes(long bytes) => bytes / BytesPerMegabyte;

    public static double Mebibytes(long bytes) => bytes / BytesPerMebibyte;

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        var middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    public static double Milliseconds(long nanoseconds) => nanoseconds / 1e6;
}
